/** A real Jaeger 2 with its storage in memory. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBackend } from './backends.ts'
import { JaegerApi, type JaegerTrace } from './jaeger_api.ts'
import { freePorts, hostPort } from './ports.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from './processes.ts'

const TRACES_MAX = 100_000

export interface JaegerOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string
  /** Each default: a free one. */
  readonly otlpGrpcPort?: number
  readonly otlpHttpPort?: number
  readonly queryPort?: number
}

/** What a trace is waited for: one with this id, or any of this service, that `matches`. */
export interface TraceWanted {
  readonly id?: string
  readonly service?: string
  readonly matches?: (trace: JaegerTrace) => boolean
  /** Default 30 s. */
  readonly timeoutMs?: number
}

/** Starts Jaeger; it takes spans and answers queries when it resolves. */
export async function startJaeger(options: JaegerOptions = {}): Promise<Jaeger> {
  const path = await ensureBackend('jaeger')
  const host = options.host ?? '127.0.0.1'
  const free = (await freePorts(4, host)) as [number, number, number, number]
  const ports = {
    otlpGrpc: options.otlpGrpcPort ?? free[0],
    otlpHttp: options.otlpHttpPort ?? free[1],
    query: options.queryPort ?? free[2],
    queryGrpc: free[3],
  }
  const directory = temporaryDirectory('jaeger')
  const config = join(directory, 'jaeger.json')
  writeFileSync(config, JSON.stringify(configuration(host, ports)))
  const program = new Program([path, '--config', config])
  const jaeger = new Jaeger({ program, directory, host, ports })
  try {
    await program.line(/Everything is ready/)
    await program.until('answers queries', async () => {
      return (await jaeger.services().catch(() => undefined)) && true
    })
    return jaeger
  } catch (error) {
    await jaeger.stop()
    throw error
  }
}

interface Ports {
  readonly otlpGrpc: number
  readonly otlpHttp: number
  readonly query: number
  readonly queryGrpc: number
}

interface Parts {
  readonly program: Program
  readonly directory: string
  readonly host: string
  readonly ports: Ports
}

/** A running Jaeger, made by `startJaeger`. */
export class Jaeger extends JaegerApi {
  /** "host:port", without TLS. */
  readonly otlpGrpc: string
  /** A URL; traces are taken below it at `/v1/traces`. */
  readonly otlpHttp: string
  /** The query API; the user interface is not built in. */
  readonly queryUrl: string
  readonly #program: Program
  readonly #directory: string

  constructor({ program, directory, host, ports }: Parts) {
    const queryUrl = `http://${hostPort(host, ports.query)}`
    super(queryUrl)
    this.otlpGrpc = hostPort(host, ports.otlpGrpc)
    this.otlpHttp = `http://${hostPort(host, ports.otlpHttp)}`
    this.queryUrl = queryUrl
    this.#program = program
    this.#directory = directory
  }

  /** The end of what Jaeger has logged. */
  get log(): string {
    return this.#program.output
  }

  /** Waits for a trace. Throws, with what has come, when it does not. */
  async waitForTrace(wanted: TraceWanted): Promise<JaegerTrace> {
    const { id, service, matches = () => true, ...wait } = wanted
    let seen: readonly JaegerTrace[] = []
    const find = async (): Promise<JaegerTrace | undefined> => {
      seen = await this.#candidates(id, service)
      return seen.find(matches)
    }
    try {
      return await waitFor(`A trace of ${id ?? service}`, find, wait)
    } catch (error) {
      throw new Error(`${(error as Error).message}; what came: ${JSON.stringify(seen)}`)
    }
  }

  /** Ends Jaeger with all that it holds. Safe twice. */
  async stop(): Promise<void> {
    await this.#program.stop({ timeoutMs: 0 })
    removeDirectory(this.#directory)
  }

  async #candidates(id?: string, service?: string): Promise<readonly JaegerTrace[]> {
    if (id === undefined) return service === undefined ? [] : this.traces(service)
    const trace = await this.trace(id)
    return trace === undefined ? [] : [trace]
  }
}

function configuration(host: string, ports: Ports): object {
  const endpoint = (port: number) => ({ endpoint: hostPort(host, port) })
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'info' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: TRACES_MAX } } } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: endpoint(ports.query),
        grpc: endpoint(ports.queryGrpc),
      },
    },
    receivers: {
      otlp: { protocols: { grpc: endpoint(ports.otlpGrpc), http: endpoint(ports.otlpHttp) } },
    },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  }
}
