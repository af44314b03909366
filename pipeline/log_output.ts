/** Where lines of the log go. Writes are synchronous: the last line of a process is not lost. */
import { closeSync, openSync, writeSync } from 'node:fs'
import pino, { type DestinationStream } from 'pino'

const FDS: Readonly<Record<string, number>> = { stdout: 1, stderr: 2 }

interface Paths {
  readonly output_paths: readonly string[]
  readonly error_output_paths: readonly string[]
}

/** Throws, naming the option, when a file cannot be written. */
export function logOutput({ output_paths, error_output_paths }: Paths): DestinationStream {
  const errors = error_output_paths.map((path) => FDS[path] ?? path)
  const outputs = output_paths.map((path) => {
    const output = pino.destination({ dest: destinationOf(path), append: true, sync: true })
    // Without a listener an error would end the process, as when a reader of stderr is gone.
    output.on('error', (error: Error) => complain(errors, `cannot write the log: ${error.message}`))
    return output
  })
  if (outputs.length === 1) return outputs[0] as DestinationStream
  return {
    write(line) {
      for (const output of outputs) output.write(line)
    },
  }
}

function destinationOf(path: string): string | number {
  const fd = FDS[path]
  if (fd !== undefined) return fd
  const file = path.replace(/^file:(?:\/\/)?(?=\/)/, '')
  try {
    // Tried now, for an error that can still be told; the process gives its rights up later.
    return openSync(file, 'a')
  } catch (error) {
    const { message } = error as Error
    throw new Error(`service::telemetry::logs::output_paths: cannot write "${path}": ${message}`)
  }
}

function complain(to: readonly (string | number)[], text: string): void {
  for (const target of to) {
    try {
      const fd = typeof target === 'number' ? target : openSync(target, 'a')
      writeSync(fd, `${new Date().toISOString()}  ERROR  ${text}\n`)
      if (typeof target === 'string') closeSync(fd)
    } catch {
      // There is nobody left to tell.
    }
  }
}
