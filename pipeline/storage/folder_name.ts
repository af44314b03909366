/** The folder of a queue: its name, as far as the file system can have it. */
import { createHash } from 'node:crypto'

/** Linux takes so many bytes in a file's name. */
const NAME_BYTES_MAX = 255
const HASH_CHARACTERS = 16

/**
 * Characters that are not safe in a file's name become `~` and their code, as in the Collector's
 * `file_storage`; no two names have one folder. The end of a name that would be too long is hashed.
 */
export function folderName(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9._-]/g, escaped).replace(/^\.*$/, escaped)
  if (safe === '') return '~'
  if (safe.length <= NAME_BYTES_MAX) return safe
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS)
  return `${safe.slice(0, NAME_BYTES_MAX - HASH_CHARACTERS - 1)}~${hash}`
}

function escaped(text: string): string {
  let codes = ''
  for (let i = 0; i < text.length; i++) {
    codes += `~${text.charCodeAt(i).toString(16).toUpperCase().padStart(4, '0')}`
  }
  return codes
}
