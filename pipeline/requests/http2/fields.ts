/** What one header block says that rows need. One object is filled again for each block. */
import { parseTraceparent } from '../http1/traceparent.ts'
import { FIELD, type Field } from './field_names.ts'

const METHOD_CHARS_MAX = 24
const HOST_CHARS_MAX = 255
const GRPC = /^application\/grpc($|[+; ])/
/** Eight digits at most, and a unit. */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const UNIT_NS: Readonly<Record<string, number>> = {
  H: 3600e9,
  M: 60e9,
  S: 1e9,
  m: 1e6,
  u: 1e3,
  n: 1,
}
const STATUS = /^[1-5]\d\d$/
/** Codes are 0 to 16; what is beyond is as good as unknown. */
const GRPC_STATUS = /^\d{1,3}$/

const scratch = Buffer.alloc(256)

export class Fields {
  method = ''
  path = ''
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

  /** `value` may be anything for fields that nobody asks for. */
  take(field: Field, value: string): void {
    switch (field) {
      case FIELD.method:
        this.method = value.slice(0, METHOD_CHARS_MAX)
        this.isRequest = true
        break
      case FIELD.path:
        this.path = value
        this.isRequest = true
        break
      case FIELD.authority:
        this.authority = hostOf(value)
        this.isRequest = true
        break
      case FIELD.scheme:
        this.isRequest = true
        break
      case FIELD.status:
        if (STATUS.test(value)) this.status = Number(value)
        break
      case FIELD.host:
        this.host = hostOf(value)
        break
      case FIELD.contentType:
        this.hasContentType = true
        this.isGrpc = GRPC.test(value)
        break
      case FIELD.grpcStatus:
        if (GRPC_STATUS.test(value)) this.grpcStatus = Number(value)
        break
      case FIELD.grpcTimeout:
        this.grpcTimeoutNs = timeoutOf(value)
        break
      case FIELD.traceparent:
        this.#traceparent(value)
        break
      case FIELD.unknown:
        this.unknown++
        break
    }
  }

  #traceparent(value: string): void {
    const length = scratch.write(value, 'latin1')
    if (parseTraceparent(this.trace, scratch, 0, length)) this.traces++
  }
}

/** Without user and password, which have no business there. */
function hostOf(authority: string): string {
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  return host.length > HOST_CHARS_MAX ? host.slice(0, HOST_CHARS_MAX) : host
}

function timeoutOf(value: string): number {
  const [, digits = '', unit = ''] = TIMEOUT.exec(value) ?? []
  return Number(digits) * (UNIT_NS[unit] ?? 0)
}
