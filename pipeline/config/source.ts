/** Where configurations come from: files. */
import { readFile } from 'node:fs/promises'

export interface Source {
  /** What messages call it. */
  readonly name: string
  readonly text: string
}

/** Reads one `--config` argument; throws an Error that names the file. */
export async function readSource(path: string): Promise<Source> {
  try {
    return { name: path, text: await readFile(path, 'utf8') }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`cannot retrieve the configuration: unable to read the file ${path}: ${reason}`)
  }
}
