/** Receivers under test: started on free ports, with consumers that answer as the test says. */
import type { TestContext } from 'node:test'
import pino from 'pino'
import type { Consumer, Extension, Host, Receiver, Settings } from '../../../pipeline/component.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { OK, type Outcome, type Retryable } from '../../../pipeline/outcome.ts'
import { type OtlpConfig, schema } from '../../../receivers/otlp/config.ts'
import { receiverOf } from '../../../receivers/otlp/otlp_receiver.ts'
import { freePorts } from '../../kit/ports.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

export type Signal = OtlpBatch['signal']

export class Sink {
  readonly mutates = false
  readonly taken: OtlpBatch[] = []
  /** Asked for each batch. */
  answer: (batch: OtlpBatch) => Outcome | Promise<Outcome> = () => OK
  refused: Retryable | undefined

  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    this.taken.push(batch)
    return this.answer(batch)
  }

  refusal(): Retryable | undefined {
    return this.refused
  }
}

export interface Receiving {
  readonly grpc: string
  readonly http: string
  readonly host: Host
  readonly sink: Sink
  readonly ledger: Ledger
  readonly log: string[]
  readonly receivers: readonly Receiver[]
  stop(): Promise<void>
}

export interface Options {
  readonly grpc?: object | null
  readonly http?: object | null
  readonly more?: object
  readonly signals?: readonly Signal[]
  /** What takes rows of flows; without it there is no such pipeline. */
  readonly flows?: Consumer<'flows'>
  readonly extensions?: Readonly<Record<string, Extension>>
  readonly settings?: Partial<Settings>
  /** Of a receiver that is replaced. */
  readonly before?: Receiving
}

/** Starts the instances of a receiver. Both protocols unless one of them is null. */
export async function receiving(t: TestContext, options: Options = {}): Promise<Receiving> {
  const { before, signals = ['traces', 'metrics', 'logs'] } = options
  const [grpcPort, httpPort] = before
    ? [before.grpc, before.http].map((address) => Number(address.split(':').at(-1)))
    : await freePorts(2)
  const protocols = {
    ...(options.grpc !== null && { grpc: { endpoint: `127.0.0.1:${grpcPort}`, ...options.grpc } }),
    ...(options.http !== null && { http: { endpoint: `127.0.0.1:${httpPort}`, ...options.http } }),
  }
  const config: OtlpConfig = schema.parse({ protocols, ...options.more })
  const host = before?.host ?? hostOf(options.extensions)
  const log: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(line) })
  const ledger = new Ledger(logger)
  const sink = new Sink()
  const settings = settingsOf({ id: 'otlp', ledger, logger, ...options.settings })
  const receivers = signals.map((signal) => receiverOf(signal)(settings, config, sink))
  if (options.flows !== undefined) {
    receivers.push(receiverOf('flows')(settings, config, options.flows))
  }
  const stop = async () => {
    await Promise.all(receivers.map((receiver) => receiver.shutdown?.()))
  }
  t.after(stop)
  for (const receiver of receivers) await receiver.start?.(host)
  const grpc = `127.0.0.1:${grpcPort}`
  const http = `http://127.0.0.1:${httpPort}`
  return { grpc, http, host, sink, ledger, log, receivers, stop }
}
