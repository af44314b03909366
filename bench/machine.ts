/** What the figures were measured on, printed with them. */
import { cpus, release, totalmem } from 'node:os'

export function describeMachine(): string {
  const cores = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown CPU'}`,
    `${memory} GiB`,
    `Linux ${release()}`,
    `Node ${process.version}`,
  ].join(', ')
}
