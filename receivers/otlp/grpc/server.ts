/**
 * OTLP over gRPC on node:http2 itself: with its own windows and without grpc-js' layers a request
 * costs a third of the CPU (bench/otlp_receive.ts).
 *
 * It listens nowhere: sockets come from the service, which hands them from one generation of the
 * receiver to the next.
 */
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { GrpcConfig } from '../config.ts'
import type { Gate } from '../gate.ts'
import type { Intake } from '../intake.ts'
import { peerOf } from '../peer.ts'
import { CODE } from '../status.ts'
import { Call } from './call.ts'
import { Connection, type Keepalive, keepaliveOf } from './connection.ts'

const MIB = 2 ** 20
/** Of a stream and of a connection: with 64 KiB a large request waits for half its round trips. */
const WINDOW_BYTES = 4 * MIB
/** Larger frames are fewer objects. */
const FRAME_BYTES = 64 * 1024
/** Node ends connections that hold more. Our own bound is `max_in_flight_size_mib`. */
const SESSION_MEMORY_MB = 1024
const EXPIRE_INTERVAL_MS = 200

export class GrpcServer {
  readonly #config: GrpcConfig
  readonly #intake: Intake
  readonly #gate: Gate
  readonly #keepalive: Keepalive
  readonly #server: Http2Server
  readonly #connections = new Map<ServerHttp2Session, Connection>()
  readonly #calls = new Set<Call>()
  readonly #timer: NodeJS.Timeout

  constructor(config: GrpcConfig, parts: { intake: Intake; gate: Gate }) {
    this.#config = config
    this.#intake = parts.intake
    this.#gate = parts.gate
    this.#keepalive = keepaliveOf(config)
    this.#server = createServer(optionsOf(config))
    this.#server.on('session', (session) => this.#accept(session))
    this.#server.on('stream', (stream, headers) => this.#call(stream as ServerHttp2Stream, headers))
    this.#server.on('sessionError', ignore)
    this.#timer = setInterval(() => this.#expire(), EXPIRE_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Takes over a connection, after its TLS handshake if it has one. */
  connect(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** Ends connections as their calls end. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close()
  }

  /** Calls whose messages have not come whole are answered; they may be sent again, elsewhere. */
  hurry(): void {
    for (const call of this.#calls) {
      if (!call.isReading) continue
      call.answer({ code: CODE.unavailable, message: 'the receiver is shutting down' })
    }
  }

  destroy(): void {
    clearInterval(this.#timer)
    for (const connection of this.#connections.values()) connection.destroy()
  }

  /** Requests that are not over. */
  get requests(): number {
    return this.#calls.size
  }

  #accept(session: ServerHttp2Session): void {
    // Typed as the server's own, though it may be of TLS.
    const peer = peerOf(session.socket as Socket)
    this.#connections.set(session, new Connection(session, peer, this.#keepalive))
    session.setLocalWindowSize(WINDOW_BYTES)
    session.on('error', ignore)
    session.once('close', () => this.#connections.delete(session))
  }

  #call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const connection = this.#connections.get(stream.session as ServerHttp2Session)
    if (connection === undefined) return void stream.destroy()
    connection.callBegan()
    const call = new Call(stream, headers, {
      intake: this.#intake,
      gate: this.#gate,
      peer: connection.peer,
      includeMetadata: this.#config.include_metadata,
      maxMessageBytes: this.#config.max_recv_msg_size_mib * MIB,
      over: (ended) => {
        this.#calls.delete(ended)
        connection.callEnded()
      },
    })
    this.#calls.add(call)
    call.begin()
  }

  #expire(): void {
    const now = performance.now()
    for (const call of this.#calls) call.expire(now)
    for (const connection of this.#connections.values()) connection.expire(now)
  }
}

function optionsOf(config: GrpcConfig): ServerOptions {
  return {
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: {
      initialWindowSize: WINDOW_BYTES,
      maxFrameSize: FRAME_BYTES,
      maxConcurrentStreams: config.max_concurrent_streams,
      enablePush: false,
    },
  }
}

function ignore(): void {}
