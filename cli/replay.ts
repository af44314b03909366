/** `flowspan replay`: a capture or a recording through the pipelines, to standard output. */
import { closeSync, openSync, readSync } from 'node:fs'
import { stringify } from 'yaml'
import { resolveConfig } from '../pipeline/config/resolve.ts'
import { isRecording } from '../pipeline/kernel_events/recording/format.ts'
import { createLogger } from '../pipeline/logging.ts'
import { Service } from '../pipeline/service.ts'
import { Stop } from '../pipeline/stop.ts'
import { decodePlanned } from './load.ts'
import type { Program } from './run.ts'

export interface ReplayOptions {
  readonly format: string
  /** As the options of the receivers `pcap` and `replay`; undefined: their defaults. */
  readonly ends: string | undefined
  readonly query: string | undefined
}

/** What a receiver notes when it could not read its file to the end. */
const DAMAGED = ['capture_damaged', 'recording_damaged']

const FORMATS: readonly string[] = ['tree', 'json']

/** Gives the exit code: 1 when the file was not read to its end. */
export async function replay(
  file: string,
  program: Program,
  options: ReplayOptions,
): Promise<number> {
  if (!FORMATS.includes(options.format)) {
    throw new Error(`unrecognized format: ${options.format}: formats are: ${FORMATS.join(', ')}`)
  }
  const uris = [`yaml:${configText(file, options)}`]
  const resolved = await resolveConfig({ uris, sets: [], appendLists: false }, {})
  const logger = createLogger({ level: 'warn', encoding: 'console' })
  const service = await Service.build(decodePlanned(resolved, program), {
    logger,
    version: program.version,
    inherited: () => undefined,
  })
  const stop = Stop.onSignals()
  await service.start()
  await Promise.race([service.finished, stop.requested, service.failed])
  const isWhole = !service.accounts.some(({ ledger }) => DAMAGED.some((n) => ledger.notes.has(n)))
  return (await service.shutdown()) && isWhole && !stop.isRequested ? 0 : 1
}

function configText(file: string, { format, ends, query }: ReplayOptions): string {
  const isRecorded = beginsAsRecording(file)
  if (isRecorded && ends !== undefined) {
    throw new Error('--ends is for captures: what was recorded was seen by its host')
  }
  const [type, options] = isRecorded
    ? ['replay', { path: file, speed: 0, query }]
    : ['pcap', { path: file, ends, requests: { query } }]
  const flows = { receivers: [type], processors: ['stitch'] }
  const tree = {
    flows: { ...flows, exporters: ['flow_spans'] },
    traces: { receivers: ['flow_spans'], exporters: ['debug'] },
  }
  const json = { flows: { ...flows, exporters: ['debug'] } }
  const text = stringify({
    receivers: { [type as string]: options },
    processors: { stitch: null },
    connectors: { flow_spans: null },
    exporters: { debug: { verbosity: format === 'tree' ? 'tree' : 'detailed' } },
    service: {
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } },
      pipelines: format === 'tree' ? tree : json,
    },
  })
  // A dollar sign in a name is one, and no reference to the environment.
  return text.replaceAll('$', '$$$$')
}

/** What cannot be opened is the receiver's to say. Standard input can be read only once. */
function beginsAsRecording(file: string): boolean {
  if (file === '-') return false
  try {
    const fd = openSync(file, 'r')
    try {
      const beginning = Buffer.alloc(16)
      return isRecording(beginning.subarray(0, readSync(fd, beginning)))
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}
