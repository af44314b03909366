/**
 * One HTTP/2 connection: how long it may live, and how often its client may ask whether it does
 * (grpc-go's keepalive server parameters and enforcement policy).
 */
import { constants, type ServerHttp2Session } from 'node:http2'
import type { Client } from '../../../pipeline/otlp/batch.ts'
import type { GrpcConfig } from '../config.ts'

/** A client that has not sent its settings by then speaks no HTTP/2. */
const PREFACE_MS = 20_000
/** Of a connection without streams, unless `permit_without_stream`. */
const IDLE_PING_MIN_MS = 7_200_000
const PING_STRIKES_MAX = 2
const PING_DATA = Buffer.from('flowspan')

export interface Keepalive {
  readonly idleMs: number
  readonly ageMs: number
  readonly ageGraceMs: number
  readonly pingAfterMs: number
  readonly pingTimeoutMs: number
  readonly pingMinMs: number
  readonly permitWithoutStream: boolean
}

/** 0 is no limit, as in grpc-go, but for the three that have a default there. */
export function keepaliveOf({ keepalive }: GrpcConfig): Keepalive {
  const { server_parameters: server, enforcement_policy: policy } = keepalive ?? {}
  return {
    idleMs: server?.max_connection_idle || Number.POSITIVE_INFINITY,
    ageMs: server?.max_connection_age || Number.POSITIVE_INFINITY,
    ageGraceMs: server?.max_connection_age_grace || Number.POSITIVE_INFINITY,
    pingAfterMs: server?.time || 7_200_000,
    pingTimeoutMs: server?.timeout || 20_000,
    pingMinMs: policy?.min_time || 300_000,
    permitWithoutStream: policy?.permit_without_stream ?? false,
  }
}

export class Connection {
  readonly peer: Client
  readonly #session: ServerHttp2Session
  readonly #keepalive: Keepalive
  readonly #startedAt = performance.now()
  readonly #endsAt: number
  #calls = 0
  #idleSince = this.#startedAt
  #activeAt = this.#startedAt
  #greeted = false
  #closing = false
  #pinged = false
  #strikes = 0
  #lastPingAt = Number.NEGATIVE_INFINITY

  constructor(session: ServerHttp2Session, peer: Client, keepalive: Keepalive) {
    this.peer = peer
    this.#session = session
    this.#keepalive = keepalive
    // Spread by a tenth, so that clients which came together do not come back together.
    this.#endsAt = this.#startedAt + keepalive.ageMs * (0.9 + Math.random() * 0.2)
    session.once('remoteSettings', () => {
      this.#greeted = true
    })
    session.on('ping', () => this.#pingReceived())
  }

  callBegan(): void {
    this.#calls++
    this.#activeAt = performance.now()
  }

  callEnded(): void {
    this.#calls--
    this.#idleSince = this.#activeAt = performance.now()
    // As in grpc-go an answer forgives: clients measure the bandwidth by pings while they send.
    this.#strikes = 0
    this.#lastPingAt = Number.NEGATIVE_INFINITY
  }

  /** No new calls; the connection ends with its last one. */
  close(): void {
    if (this.#closing || this.#session.destroyed) return
    this.#closing = true
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  /** The server's: called several times a second. */
  expire(now: number): void {
    const { idleMs, ageGraceMs, pingAfterMs } = this.#keepalive
    if (!this.#greeted && now - this.#startedAt > PREFACE_MS) this.destroy()
    else if (now > this.#endsAt + ageGraceMs) this.destroy()
    else if (now > this.#endsAt) this.close()
    else if (this.#calls === 0 && now - this.#idleSince > idleMs) this.close()
    else if (now - this.#activeAt > pingAfterMs && !this.#pinged) this.#ping()
  }

  /** Asks whether the client is still there. */
  #ping(): void {
    this.#pinged = true
    const timer = setTimeout(() => this.destroy(), this.#keepalive.pingTimeoutMs)
    timer.unref()
    const isSent = this.#session.ping(PING_DATA, () => {
      clearTimeout(timer)
      this.#pinged = false
      this.#activeAt = performance.now()
    })
    if (!isSent) clearTimeout(timer)
  }

  #pingReceived(): void {
    const now = performance.now()
    const { pingMinMs, permitWithoutStream } = this.#keepalive
    const minMs = this.#calls === 0 && !permitWithoutStream ? IDLE_PING_MIN_MS : pingMinMs
    if (now - this.#lastPingAt < minMs) this.#strikes++
    this.#lastPingAt = this.#activeAt = now
    if (this.#strikes <= PING_STRIKES_MAX) return
    const { NGHTTP2_ENHANCE_YOUR_CALM } = constants
    this.#session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
    this.close()
  }
}
