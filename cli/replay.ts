/** `flowspan replay`: a capture through the pipelines, to standard output. */
import { stringify } from 'yaml'
import { resolveConfig } from '../pipeline/config/resolve.ts'
import { createLogger } from '../pipeline/logging.ts'
import { Service } from '../pipeline/service.ts'
import { Stop } from '../pipeline/stop.ts'
import { decodePlanned } from './load.ts'
import type { Program } from './run.ts'

export interface ReplayOptions {
  readonly format: string
  /** As the options of the receiver `pcap`. */
  readonly ends: string
  readonly query: string
}

const FORMATS: readonly string[] = ['tree', 'json']

/** Gives the exit code: 1 when the capture was not read to its end. */
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
  const isWhole = service.accounts.every(({ ledger }) => !ledger.notes.has('capture_damaged'))
  return (await service.shutdown()) && isWhole && !stop.isRequested ? 0 : 1
}

function configText(file: string, { format, ends, query }: ReplayOptions): string {
  const flows = { receivers: ['pcap'], processors: ['stitch'] }
  const tree = {
    flows: { ...flows, exporters: ['flow_spans'] },
    traces: { receivers: ['flow_spans'], exporters: ['debug'] },
  }
  const json = { flows: { ...flows, exporters: ['debug'] } }
  const text = stringify({
    receivers: { pcap: { path: file, ends, requests: { query } } },
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
