/** What is read of the head of an HTTP/1.x message. */

/** `contentLength` when there is none, and when what is there is not one length. */
export const NO_LENGTH = -1
export const BAD_LENGTH = -2

const NOTHING = Buffer.alloc(0)

/** A head that has been read. One object is used for many messages: copy what is to be kept. */
export class Head {
  method = ''
  /** Where the target is, as long as the piece is handled that the head is in. */
  bytes: Buffer = NOTHING
  targetAt = 0
  targetEnd = 0
  /** 1.0, 1.1; empty when the request line was cut before it. */
  version = ''
  status = 0
  host = ''
  contentLength = NO_LENGTH
  /** There is a transfer coding; `chunked`: the last one is that. */
  transferCoded = false
  chunked = false
  /** `Expect: 100-continue`. */
  expects = false
  /** `Upgrade: h2c` (RFC 7540 §3.2). */
  upgradesToHttp2 = false
  /** The valid trace context: trace id (4 words), parent id (2 words), low first; then flags. */
  readonly trace = new Uint32Array(7)
  traces = 0

  reset(): void {
    this.method = ''
    this.targetAt = 0
    this.targetEnd = 0
    this.version = ''
    this.status = 0
    this.resetFields()
  }

  resetFields(): void {
    this.host = ''
    this.contentLength = NO_LENGTH
    this.transferCoded = false
    this.chunked = false
    this.expects = false
    this.upgradesToHttp2 = false
    this.traces = 0
  }

  get target(): string {
    return this.bytes.toString('latin1', this.targetAt, this.targetEnd)
  }

  /** It says two things of where its body ends (RFC 9112 §6.1, §6.3). */
  get isAmbiguous(): boolean {
    const { contentLength, transferCoded, version } = this
    if (contentLength === BAD_LENGTH) return true
    return transferCoded && (contentLength !== NO_LENGTH || version === '1.0')
  }
}
