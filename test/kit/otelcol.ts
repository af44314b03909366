/** A real OpenTelemetry Collector that writes what it receives into files. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBackend } from './backends.ts'
import { linesIn } from './lines.ts'
import { freePorts, hostPort } from './ports.ts'
import { Program, removeDirectory, temporaryDirectory } from './processes.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const

export type Signal = (typeof SIGNALS)[number]

/** One export request as OTLP JSON: `resourceSpans`, `resourceMetrics` or `resourceLogs`. */
// biome-ignore lint/suspicious/noExplicitAny: a test walks into it, and fails where it errs
export type OtlpJson = any

export interface CollectorOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string
  /** Processors of every pipeline with their options, in this order. */
  readonly processors?: Readonly<Record<string, unknown>>
  /** More exporters of every pipeline with their options. */
  readonly exporters?: Readonly<Record<string, unknown>>
  /** Added to its environment, such as KUBECONFIG. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a Collector; it takes OTLP when it resolves. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const path = await ensureBackend('otelcol')
  const host = options.host ?? '127.0.0.1'
  const [grpc, http] = (await freePorts(2, host)) as [number, number]
  const endpoints = { grpc: hostPort(host, grpc), http: hostPort(host, http) }
  const directory = temporaryDirectory('otelcol')
  const config = join(directory, 'otelcol.json')
  writeFileSync(config, JSON.stringify(configuration(directory, { endpoints, ...options })))
  const program = new Program([path, '--config', config], { env: options.env ?? {} })
  const collector = new Collector({ program, directory, endpoints })
  try {
    await program.line(/Everything is ready/)
    return collector
  } catch (error) {
    await collector.stop()
    throw error
  }
}

interface Endpoints {
  readonly grpc: string
  readonly http: string
}

/** A running Collector, made by `startCollector`. */
export class Collector {
  /** "host:port", without TLS. */
  readonly otlpGrpc: string
  /** A URL; signals are taken below it at `/v1/traces`, `/v1/metrics`, `/v1/logs`. */
  readonly otlpHttp: string
  readonly pid: number
  readonly #program: Program
  readonly #directory: string

  constructor(parts: { program: Program; directory: string; endpoints: Endpoints }) {
    this.otlpGrpc = parts.endpoints.grpc
    this.otlpHttp = `http://${parts.endpoints.http}`
    this.pid = parts.program.pid
    this.#program = parts.program
    this.#directory = parts.directory
  }

  /** The end of what the Collector has logged. */
  get log(): string {
    return this.#program.output
  }

  /** What it has written so far, one entry an export request. */
  traces(): OtlpJson[] {
    return this.#written('traces')
  }

  metrics(): OtlpJson[] {
    return this.#written('metrics')
  }

  logs(): OtlpJson[] {
    return this.#written('logs')
  }

  /** Waits until the requests of a signal, all that came, are enough; gives them. */
  async waitFor(
    signal: Signal,
    enough: (requests: OtlpJson[]) => boolean,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<OtlpJson[]> {
    const check = (): OtlpJson[] | undefined => {
      const requests = this.#written(signal)
      return enough(requests) ? requests : undefined
    }
    return this.#program.until(`has received ${signal}`, check, options)
  }

  /** Ends the Collector, which drains its pipelines first; its files are gone then. Safe twice. */
  async stop(): Promise<void> {
    await this.#program.stop()
    removeDirectory(this.#directory)
  }

  #written(signal: Signal): OtlpJson[] {
    return linesIn(file(this.#directory, signal)).map((line) => JSON.parse(line))
  }
}

interface Settings extends CollectorOptions {
  readonly endpoints: Endpoints
}

function configuration(directory: string, settings: Settings): object {
  const { endpoints, processors = {}, exporters = {} } = settings
  const files = SIGNALS.map((signal) => [
    `file/${signal}`,
    { path: file(directory, signal), flush_interval: '20ms' },
  ])
  const pipelines = SIGNALS.map((signal) => [
    signal,
    {
      receivers: ['otlp'],
      processors: Object.keys(processors),
      exporters: [`file/${signal}`, ...Object.keys(exporters)],
    },
  ])
  return {
    receivers: {
      otlp: {
        protocols: { grpc: { endpoint: endpoints.grpc }, http: { endpoint: endpoints.http } },
      },
    },
    processors,
    exporters: { ...Object.fromEntries(files), ...exporters },
    service: {
      pipelines: Object.fromEntries(pipelines),
      telemetry: { metrics: { level: 'none' } },
    },
  }
}

function file(directory: string, signal: Signal): string {
  return join(directory, `${signal}.jsonl`)
}
