/**
 * The servers of one receiver, shared by its signals: the graph makes an instance a signal, and
 * they listen together.
 *
 *     traces ──┐
 *     metrics ─┼─▶ Shared ──▶ gRPC server, HTTP server ◀── sockets of the service
 *     logs ────┤
 *     flows ───┘   (requests of logs, too)
 *
 * Across a reload: with an equal configuration new instances join the servers that run, and get the
 * data from then on. With another one they make servers of their own, which get all new connections
 * while the old servers finish what they have.
 */
import type { Socket } from 'node:net'
import { serverAuthenticator } from '../../pipeline/auth.ts'
import type { Host, Settings, Signal } from '../../pipeline/component.ts'
import type { Listening } from '../../pipeline/listening.ts'
import { InFlight } from '../../pipeline/server/in_flight.ts'
import type { ServerTls } from '../../pipeline/server/tls.ts'
import { tlsFront } from '../../pipeline/server/tls_front.ts'
import { listenEndpoint, type OtlpConfig } from './config.ts'
import { Gate } from './gate.ts'
import { GrpcServer } from './grpc/server.ts'
import { HttpServer } from './http/server.ts'
import { Intake } from './intake.ts'

/** Of idle connections, so that the kernel finds the peers that are gone; Go's default. */
const TCP_KEEPALIVE_MS = 15_000
const POLL_MS = 10
/** A client that gets the end of its connection announced loses no request. */
const FAREWELL_MS = 500

export interface SharedSettings {
  readonly settings: Settings
  readonly config: OtlpConfig
  readonly tls: { readonly grpc?: ServerTls; readonly http?: ServerTls }
  /** Signals whose instances have been made, and will join. */
  readonly expected: ReadonlySet<Signal>
}

interface Protocol {
  readonly name: 'grpc' | 'http'
  readonly endpoint: string
  readonly server: GrpcServer | HttpServer
  readonly connect: (socket: Socket) => void
}

export class Shared {
  readonly config: OtlpConfig
  readonly intake: Intake
  readonly #settings: Settings
  readonly #gates = { grpc: new Gate(), http: new Gate() }
  readonly #protocols: Protocol[] = []
  readonly #listening: Listening[] = []
  readonly #sockets = new Set<Socket>()
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor({ settings, config, tls, expected }: SharedSettings) {
    this.config = config
    this.#settings = settings
    this.intake = new Intake(new InFlight(config.max_in_flight_size_mib * 2 ** 20), expected)
    const { grpc, http } = config.protocols
    const { intake } = this
    if (grpc !== undefined) {
      const server = new GrpcServer(grpc, { intake, gate: this.#gates.grpc })
      this.#add('grpc', { server, config: grpc, tls: tls.grpc, protocols: ['h2'] })
    }
    if (http !== undefined) {
      const server = new HttpServer(http, { intake, gate: this.#gates.http })
      this.#add('http', { server, config: http, tls: tls.http, protocols: ['http/1.1'] })
    }
  }

  get isClosing(): boolean {
    return this.intake.closing
  }

  /** Throws when an extension that `auth` names does not run, or cannot judge. */
  authenticateBy(host: Host): void {
    for (const name of ['grpc', 'http'] as const) {
      const auth = this.config.protocols[name]?.auth
      if (auth === undefined) continue
      const path = `receivers::${this.#settings.id}::protocols::${name}::auth::authenticator`
      this.#gates[name].authenticator = serverAuthenticator(host, { id: auth.authenticator, path })
    }
  }

  /** Listens, once, whoever asks first. Throws when it cannot. */
  start(host: Host): Promise<void> {
    this.#started ??= this.#listen(host)
    return this.#started
  }

  /** No more connections, and no more requests on those there are. Safe twice. */
  close(): Promise<void> {
    this.intake.closing = true
    for (const { server } of this.#protocols) server.close()
    this.#closed ??= Promise.all(this.#listening.map((each) => each.close())).then(() => {})
    return this.#closed
  }

  /** Waits for the requests there are; those that have not come whole by then are refused. */
  async finish(graceMs: number, deadline: AbortSignal): Promise<void> {
    const endMs = performance.now() + graceMs
    while (this.#requests > 0 && performance.now() < endMs && !deadline.aborted) await aMoment()
    for (const { server } of this.#protocols) server.hurry()
    while (this.#requests > 0 && !deadline.aborted) await aMoment()
  }

  /** Ends what is left, after connections had the time to say good-bye. */
  async end(deadline: AbortSignal): Promise<void> {
    const endMs = performance.now() + FAREWELL_MS
    while (this.#sockets.size > 0 && performance.now() < endMs && !deadline.aborted) await aMoment()
    for (const { server } of this.#protocols) server.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }

  get #requests(): number {
    return this.#protocols.reduce((sum, { server }) => sum + server.requests, 0)
  }

  #add(
    name: Protocol['name'],
    of: {
      server: GrpcServer | HttpServer
      config: Parameters<typeof listenEndpoint>[0]
      tls: ServerTls | undefined
      protocols: readonly string[]
    },
  ): void {
    const { server, config, tls, protocols } = of
    const { logger } = this.#settings
    const onSecure = (socket: Socket) => server.connect(socket)
    const connect = tls ? tlsFront(tls, { protocols, logger, onSecure }) : onSecure
    this.#protocols.push({ name, endpoint: listenEndpoint(config), server, connect })
  }

  async #listen(host: Host): Promise<void> {
    const { id, logger } = this.#settings
    for (const { name, endpoint, connect } of this.#protocols) {
      try {
        const listening = await host.listen(endpoint, (socket) => this.#accept(socket, connect))
        this.#listening.push(listening)
        logger.info({ endpoint: listening.address }, `Starting ${name.toUpperCase()} server`)
      } catch (error) {
        const path = `receivers::${id}::protocols::${name}::endpoint`
        throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
      }
    }
  }

  #accept(socket: Socket, connect: (socket: Socket) => void): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', ignore)
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    connect(socket)
  }
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS))
}

function ignore(): void {}
