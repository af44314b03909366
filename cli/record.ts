/** `flowspan record`: the kernel's records of a while, to a file. */
import { resolve } from 'node:path'
import { stringify } from 'yaml'
import { parseDuration } from '../pipeline/config/duration.ts'
import { type Program, run } from './run.ts'

export interface RecordOptions {
  /** As durations are written in a configuration. */
  readonly duration: string
  readonly maxMib: string
  readonly runAs: string | undefined
}

/** Gives the exit code. */
export async function record(
  file: string,
  program: Program,
  { duration, maxMib, runAs }: RecordOptions,
): Promise<number> {
  const ms = parseDuration(duration)
  if (ms === undefined || ms < 0) throw new Error(`not a duration: ${duration}, as 90s is one`)
  const uris = [`yaml:${configText(resolve(file), Number(maxMib))}`]
  const args = { uris, sets: [], appendLists: false }
  return await run(args, {
    ...program,
    runAs,
    until: { ms, spoiledBy: 'recording_failed' },
  })
}

/** Rows are made as ever, as what is captured depends on what is understood; nobody gets them. */
function configText(path: string, maxMib: number): string {
  const text = stringify({
    receivers: { ebpf: { record: { path, max_mib: maxMib } } },
    exporters: { nop: null },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { flows: { receivers: ['ebpf'], exporters: ['nop'] } },
    },
  })
  // A dollar sign in a name is one, and no reference to the environment.
  return text.replaceAll('$', '$$$$')
}
