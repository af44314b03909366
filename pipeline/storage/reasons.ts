/** Why the operating system refused something of a file. */

const REASONS: { readonly [code: string]: string } = {
  ENOENT: 'it is not there (ENOENT)',
  EACCES: 'the user that flowspan runs as may not (EACCES)',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the quota of the user is used up (EDQUOT)',
  EIO: 'the disk failed (EIO)',
  EROFS: 'the file system is mounted read-only (EROFS)',
  EFBIG: 'the file would be larger than the process may make it (EFBIG)',
  EMFILE: 'the process has too many files open (EMFILE)',
  ENFILE: 'the machine has too many files open (ENFILE)',
}

/** For a person. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}
