/** `flowspan probe`: what each component could see on this host. */
import { arch, release } from 'node:os'
import type { Capability } from '../pipeline/capability.ts'
import { KINDS } from '../pipeline/component.ts'
import type { Program } from './run.ts'

const FORMATS: readonly string[] = ['text', 'json']

interface Row extends Capability {
  /** `receiver/ebpf` */
  readonly component: string
}

/** Gives the exit code: 1 when a signal cannot be seen. */
export async function probe({ factories }: Program, format: string): Promise<number> {
  if (!FORMATS.includes(format)) {
    throw new Error(`unrecognized format: ${format}: formats are: ${FORMATS.join(', ')}`)
  }
  const rows: Row[] = []
  for (const factory of KINDS.flatMap((kind) => factories.list(kind))) {
    const component = `${factory.kind}/${factory.type}`
    for (const found of (await factory.probe?.()) ?? []) rows.push({ component, ...found })
  }
  process.stdout.write(format === 'json' ? jsonOf(rows) : textOf(rows))
  return rows.every(({ state }) => state !== 'unavailable') ? 0 : 1
}

function jsonOf(capabilities: readonly Row[]): string {
  return `${JSON.stringify({ kernel: release(), arch: arch(), capabilities }, null, 2)}\n`
}

const TITLES = ['COMPONENT', 'SIGNAL', 'STATE', 'HOOK', 'WHY']

function textOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.component, row.signal, row.state, row.hook, row.why ?? ''])
  const widths = TITLES.map((_, i) => {
    return Math.max(...[TITLES, ...cells].map((line) => (line[i] as string).length))
  })
  const lines = [TITLES, ...cells].map((line) => {
    return line.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ')
  })
  return `Linux ${release()}, ${arch()}\n\n${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
