/** A recording of scripted traffic, and the rows that its maker gave while it was made. */
import { closeSync, openSync } from 'node:fs'
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { hostNames, Origin } from '../../../pipeline/flows/origin.ts'
import { COUNTER } from '../../../pipeline/kernel_events/events.gen.ts'
import { KernelEvents } from '../../../pipeline/kernel_events/kernel_events.ts'
import { LAYOUT } from '../../../pipeline/kernel_events/recording/layout.ts'
import { ChangedCounters, Recorder } from '../../../pipeline/kernel_events/recording/recorder.ts'
import {
  type EndReason,
  type RecordedConfig,
  recordedConfig,
} from '../../../pipeline/kernel_events/recording/run.ts'
import { RecordingWriter } from '../../../pipeline/kernel_events/recording/writer.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { schema } from '../../../receivers/ebpf/config.ts'
import { Script, type ScriptedConnection } from '../ebpf/script.ts'

const OFFSET: readonly [number, number] = [0x1234_5678, 0x1881_0000]
const NAMES = { id: 'machine', name: 'worker', node: '' }
const NS_PER_MS = 1e6

export const GET = 'GET /items/7?key=secret HTTP/1.1\r\nHost: shop\r\n\r\n'
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'

export interface RecordingOptions {
  readonly bytesMax?: number
  readonly layout?: string
  readonly config?: Record<string, unknown>
  /** Counted up to now. */
  readonly lost?: number
}

/** What happens in looks at the rings, one after another; between them time goes by. */
export class Recording {
  readonly ledger = new Ledger(pino({ enabled: false }))
  /** The flow log, a batch an entry. */
  readonly batches: string[][] = []
  readonly over: (EndReason | Error)[] = []
  readonly script = new Script()
  readonly #fd: number
  readonly #recorder: Recorder
  readonly #config: RecordedConfig
  #lost: number
  #nowNs = 5e9
  #position = 0

  constructor(path: string, options: RecordingOptions = {}) {
    this.#fd = openSync(path, 'a+')
    closeSync(this.#fd)
    this.#fd = openSync(path, 'r+')
    this.#lost = options.lost ?? 0
    const ebpf = schema.parse(options.config ?? {})
    this.#config = recordedConfig(ebpf)
    const origin = new Origin(hostNames(NAMES))
    const counters = new ChangedCounters({
      read: (index) => (index === COUNTER.COUNTER_PAYLOAD_LOST_RING ? this.#lost : 0),
    })
    const first = this.#lost === 0
    const events = new KernelEvents(ebpf, {
      ledger: this.ledger,
      origin,
      counters,
      first,
      dropReasons: [],
      send: (batch) => this.batches.push(linesOf(batch)),
      tellWanted: () => {},
    })
    const run = {
      version: '9.8.7',
      kernel: '6.18.0',
      layout: options.layout ?? LAYOUT,
      config: this.#config,
      names: origin.run,
      dropReasons: [],
      first,
      counters: counters.take(),
      capabilities: [],
    }
    const writer = new RecordingWriter(this.#fd, run, {
      bytesMax: options.bytesMax ?? 64 << 20,
      over: (why) => this.over.push(why),
    })
    this.#recorder = new Recorder(events, { writer, counters })
    this.script.records = this.#recorder
  }

  get lines(): string[] {
    return this.batches.flat()
  }

  /** A look, in which `happens`; `lost` records did not fit since the one before. */
  look(happens: () => void, { afterMs = 20, lost = 0 } = {}): void {
    this.#nowNs += afterMs * NS_PER_MS
    this.#lost += lost
    this.#recorder.look(this.#nowNs, OFFSET)
    this.#recorder.losses()
    this.#recorder.behind(this.#position + 1)
    happens()
    this.#recorder.settle(++this.#position)
  }

  sweep(): void {
    this.#recorder.sweep()
  }

  flush(): void {
    this.#recorder.flush()
  }

  reconfigure(requests: Partial<RecordedConfig['requests']>): void {
    const config = { ...this.#config, requests: { ...this.#config.requests, ...requests } }
    this.#recorder.reconfigure(config, { ...NAMES, node: 'node-1' })
  }

  /** A whole exchange on the connection. */
  exchange(connection: ScriptedConnection, request = GET): void {
    connection.request({ bytes: request })
    connection.response({ bytes: OK })
  }

  async stop(): Promise<void> {
    this.#recorder.stop()
    await this.#recorder.close()
    closeSync(this.#fd)
  }

  /** As when the process is killed: what was sealed is in the file, and nothing says its end. */
  async kill(): Promise<void> {
    this.look(() => {}, { afterMs: 2000 })
    await this.#recorder.close()
    closeSync(this.#fd)
  }
}

/** A minute in the life of a server: what makes rows depend on time, order, loss and options. */
export function liveABit(recording: Recording, { exchanges = 300 } = {}): void {
  const { script } = recording
  const server = { role: 'server', flowId: 77 } as const
  let near: ScriptedConnection | undefined
  let far: ScriptedConnection | undefined
  recording.look(() => {
    near = script.connection({ flowId: 77, startNs: 4e9, establishedNs: 4.001e9 })
    far = script.connection(server)
    recording.exchange(near)
    recording.exchange(far)
  })
  recording.look(() => far?.request({ bytes: GET }), { lost: 3 })
  recording.look(() => {}, { afterMs: 1500 })
  recording.sweep()
  recording.flush()
  recording.look(() => far?.response({ bytes: OK }))
  recording.look(() => near?.close({ endNs: 6e9 }))
  recording.reconfigure({ query: 'drop' })
  recording.look(() => far !== undefined && recording.exchange(far))
  for (let count = 0; count < exchanges; count++) {
    recording.look(() => far !== undefined && recording.exchange(far, GET.replace('7', `${count}`)))
  }
  recording.flush()
  recording.look(() => near?.request({ bytes: GET }))
  recording.look(() => far?.request({ bytes: GET }))
}

export function linesOf(batch: FlowBatch): string[] {
  const line = flowLog(batch)
  return Array.from({ length: batch.rows }, (_, row) => line(row))
}
