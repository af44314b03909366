/** What one header block says that rows need. One object is filled again for each block. */
import { parseTraceparent } from '../traceparent.ts'
import { type Entry, VALUE_BYTES_MAX } from './entry.ts'
import { FIELD } from './field_names.ts'

const scratch = Buffer.alloc(VALUE_BYTES_MAX)

export class Fields {
  method = ''
  path = ''
  /** Of the path, as texts.ts has it; -1: none. */
  pathPlace = -1
  authority = ''
  host = ''
  /** 0: none was read. */
  status = 0
  hasContentType = false
  isGrpc = false
  /** -1: none was read. */
  grpcStatus = -1
  /** 0: none. */
  grpcTimeoutNs = 0
  /** As Head.trace of HTTP/1 has it: valid where `traces` is 1. */
  readonly trace = new Uint32Array(7)
  traces = 0
  /** A pseudo-header field of requests was read; trailers have none. */
  isRequest = false
  /** Fields whose name, or whose value although it is needed, is not known. */
  unknown = 0

  reset(): void {
    this.method = ''
    this.path = ''
    this.pathPlace = -1
    this.authority = ''
    this.host = ''
    this.status = 0
    this.hasContentType = false
    this.isGrpc = false
    this.grpcStatus = -1
    this.grpcTimeoutNs = 0
    this.traces = 0
    this.isRequest = false
    this.unknown = 0
  }

  take(entry: Entry): void {
    switch (entry.field) {
      case FIELD.method:
        this.method = entry.text
        this.isRequest = true
        break
      case FIELD.path:
        this.path = entry.text
        this.pathPlace = entry.number
        this.isRequest = true
        break
      case FIELD.authority:
        this.authority = entry.text
        this.isRequest = true
        break
      case FIELD.scheme:
        this.isRequest = true
        break
      case FIELD.status:
        if (entry.number > 0) this.status = entry.number
        break
      case FIELD.host:
        this.host = entry.text
        break
      case FIELD.contentType:
        this.hasContentType = true
        this.isGrpc = entry.number === 1
        break
      case FIELD.grpcStatus:
        if (entry.number >= 0) this.grpcStatus = entry.number
        break
      case FIELD.grpcTimeout:
        this.grpcTimeoutNs = entry.number
        break
      case FIELD.traceparent:
        this.takeTrace(scratch, 0, scratch.write(entry.text, 'latin1'))
        break
      case FIELD.unknown:
        this.unknown++
        break
    }
  }

  /** A trace context whose value is `bytes[at … to)`. */
  takeTrace(bytes: Buffer, at: number, to: number): void {
    const end = Math.min(to, at + VALUE_BYTES_MAX)
    // W3C Trace Context §3.2: with more than one, none is valid.
    this.traces += this.traces > 0 || parseTraceparent(this.trace, bytes, at, end) ? 1 : 0
  }
}
