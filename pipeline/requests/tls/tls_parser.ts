/**
 * What a TLS handshake shows in clear: both hellos, and when it was over. Nothing behind that is
 * looked at, so there are no exchanges.
 *
 *     TLS 1.3   ClientHello ─▶ ◀─ ServerHello … ─ [CCS] Finished ─▶          the client's answer
 *     TLS 1.2   ClientHello ─▶ ◀─ ServerHello … ─ ClientKeyExchange … ─▶ ◀─ CCS Finished
 *     resumed   ClientHello ─▶ ◀─ ServerHello CCS Finished ─ CCS Finished ─▶
 *
 * So the handshake is over with the client's first record behind its hello, unless that is a
 * handshake record in clear: then with what the server says next.
 */
import type { Exchanges } from '../exchanges.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { cipherName } from './ciphers.ts'
import { type ClientHello, clientHelloOf } from './client_hello.ts'
import { HelloReader, type HelloSink, RECORD } from './hello_reader.ts'
import { type ServerHello, serverHelloOf } from './server_hello.ts'
import { Tls } from './tls.ts'

/** A handshake that takes more is not waited for. */
const PIECES_MAX = 1024
/** The least that a Finished of TLS 1.3 takes; an alert, which is encrypted too, takes 24. */
const FINISHED_BYTES_MIN = 5 + 4 + 32 + 1 + 16
const WHOLE_HEADER_BYTES = 8

/** Where both ends begin to speak TLS. */
export interface TlsStart {
  readonly request: number
  readonly response: number
}

export class TlsParser implements Parser, HelloSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #client: HelloReader
  readonly #server: HelloReader
  #clientHello: ClientHello | undefined
  #serverHello: ServerHello | undefined
  /** The server's next piece ends the handshake. */
  #awaited = false
  /** Its end was seen, or will not be. */
  #ended = false
  #pieces = 0

  constructor(
    exchanges: Exchanges,
    shared: Shared,
    { request, response }: TlsStart = { request: 0, response: 0 },
  ) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#client = new HelloReader(true, { sink: this, shared, position: request })
    this.#server = new HelloReader(false, { sink: this, shared, position: response })
  }

  get requestPosition(): number {
    return this.#client.position
  }

  get responsePosition(): number {
    return this.#server.position
  }

  get lastNs(): number {
    return Math.max(this.#client.lastNs, this.#server.lastNs)
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (++this.#pieces > PIECES_MAX) this.finish()
    if (!fromClient && this.#awaited) this.#finished(piece.timeNs)
    const reader = fromClient ? this.#client : this.#server
    reader.feed(piece)
  }

  sweep(): void {}

  abandoned(): void {}

  finish(): void {
    this.#client.stop()
    this.#server.stop()
    this.#awaited = false
    this.#ended = true
  }

  wantedFrom(): number {
    const isOver = this.#client.isOver && this.#server.isOver && this.#ended
    return isOver ? Number.POSITIVE_INFINITY : 0
  }

  hello({ isClient }: HelloReader, { body, cut }: { body: Buffer; cut: boolean }): void {
    if (cut) this.#shared.count('tls_hellos_cut')
    if (isClient) this.#clientSays(body)
    else this.#serverSays(body, cut)
  }

  noHello({ isClient }: HelloReader): void {
    this.#ended = true
    if (isClient) this.#shared.count('tls_hellos_missed')
  }

  goesOn({ isClient }: HelloReader, type: number, piece: Piece | undefined): void {
    if (!isClient || this.#ended) return
    // Data before the server's hello (RFC 8446 §2.3), and a second hello, tell no end.
    const isAnswer = this.#serverHello !== undefined && !this.#serverHello.isRetry
    if (!isAnswer || piece === undefined || type === RECORD.alert) this.#ended = true
    else if (type === RECORD.handshake) this.#awaited = true
    else if (this.#serverHello?.isTls13 && isAlertAlone(piece, type)) this.#ended = true
    else this.#finished(piece.timeNs)
  }

  #finished(ns: number): void {
    this.#awaited = false
    this.#ended = true
    if (this.#clientHello !== undefined) this.#tls.handshakeUs = (ns - this.#client.startNs) / 1000
  }

  #clientSays(body: Buffer): void {
    const hello = clientHelloOf(body)
    if (hello === undefined) {
      this.#shared.count('tls_hellos_invalid')
      return
    }
    this.#clientHello = hello
    if (hello.isNameInvalid) this.#shared.count('tls_server_names_invalid')
    this.#tls.serverName = hello.serverName
    this.#tls.ech = hello.ech
  }

  #serverSays(body: Buffer, cut: boolean): void {
    const hello = serverHelloOf(body, cut)
    if (hello === undefined) {
      this.#shared.count('tls_hellos_invalid')
      return
    }
    this.#serverHello = hello
    const { sessionId: asked, protocols = [] } = this.#clientHello ?? {}
    const tls = this.#tls
    tls.version = hello.version
    tls.cipher = cipherName(hello.cipher)
    // What TLS 1.3 agrees on is encrypted.
    const isSession = asked !== undefined && asked.length > 0 && asked.equals(hello.sessionId)
    tls.resumed = hello.isTls13 ? hello.isPreShared : isSession
    tls.alpn = hello.isTls13 && protocols.length === 1 ? (protocols[0] as string) : hello.protocol
  }

  get #tls(): Tls {
    const { connection } = this.#exchanges
    connection.tls ??= new Tls()
    return connection.tls
  }
}

/** A client that refuses the server's certificate says so encrypted: in fewer bytes. */
function isAlertAlone({ length }: Piece, type: number): boolean {
  const before = type === RECORD.changeCipherSpec ? 6 : 0
  return length > WHOLE_HEADER_BYTES && length < before + FINISHED_BYTES_MIN
}
