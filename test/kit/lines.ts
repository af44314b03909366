/** Lines of what is still growing: a file that is written, the output of a program that runs. */
import { existsSync, readFileSync } from 'node:fs'

/** Those that have their line end: what follows the last one is still being written. */
export function wholeLines(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

/** The whole lines of a file; none where it is not there yet. */
export function linesIn(path: string): string[] {
  return existsSync(path) ? wholeLines(readFileSync(path, 'utf8')) : []
}
