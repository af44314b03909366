/** A field with what rows may need of its value, read once: tables give it again and again. */
import { placeOf, textAt, textOf } from '../texts.ts'
import { FIELD, type Field } from './field_names.ts'

/** What is kept of a path, and of every other value. */
export const PATH_BYTES_MAX = 4096
export const VALUE_BYTES_MAX = 256
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

export class Entry {
  field: Field = FIELD.other
  text = ''
  /**
   * Of a path its place among texts, of a content type whether it is gRPC's, of a timeout its
   * nanoseconds, of a status that number: 0, or -1 of gRPC's, where it is none.
   */
  number = 0
  /** As long as it was, for what it takes of a table. */
  nameBytes = 0
  valueBytes = 0

  get isAsked(): boolean {
    return this.field !== FIELD.other && this.field !== FIELD.unknown
  }

  copy(from: Entry): void {
    this.field = from.field
    this.text = from.text
    this.number = from.number
    this.nameBytes = from.nameBytes
    this.valueBytes = from.valueBytes
  }

  /** Its values never come again: they have no business among texts that do. */
  get isUnique(): boolean {
    return this.field === FIELD.traceparent || this.field === FIELD.grpcTimeout
  }

  /** Reads the value `bytes[at … to)`. */
  read(bytes: Buffer, at: number, to: number): void {
    if (this.field === FIELD.path) {
      const end = Math.min(to, at + PATH_BYTES_MAX)
      this.number = placeOf(bytes, at, end)
      this.text = this.number < 0 ? bytes.toString('latin1', at, end) : textAt(this.number)
      return
    }
    const end = Math.min(to, at + VALUE_BYTES_MAX)
    const text = this.isUnique ? bytes.toString('latin1', at, end) : textOf(bytes, at, end)
    this.text = text
    switch (this.field) {
      case FIELD.method:
        this.text = text.slice(0, METHOD_CHARS_MAX)
        break
      case FIELD.authority:
      case FIELD.host:
        this.text = hostOf(text)
        break
      case FIELD.status:
        this.number = STATUS.test(text) ? Number(text) : 0
        break
      case FIELD.contentType:
        this.number = GRPC.test(text) ? 1 : 0
        break
      case FIELD.grpcStatus:
        this.number = GRPC_STATUS.test(text) ? Number(text) : -1
        break
      case FIELD.grpcTimeout:
        this.number = timeoutOf(text)
        break
    }
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
