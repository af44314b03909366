/** Header fields that rows need, by number. */

/** `other`: nobody asks; `unknown`: its name stood in a table that was not seen whole. */
export const FIELD = {
  other: 0,
  method: 1,
  path: 2,
  authority: 3,
  scheme: 4,
  status: 5,
  host: 6,
  contentType: 7,
  grpcStatus: 8,
  grpcTimeout: 9,
  traceparent: 10,
  unknown: 11,
} as const

export type Field = (typeof FIELD)[keyof typeof FIELD]

const BY_NAME: ReadonlyMap<string, Field> = new Map([
  [':method', FIELD.method],
  [':path', FIELD.path],
  [':authority', FIELD.authority],
  [':scheme', FIELD.scheme],
  [':status', FIELD.status],
  ['host', FIELD.host],
  ['content-type', FIELD.contentType],
  ['grpc-status', FIELD.grpcStatus],
  ['grpc-timeout', FIELD.grpcTimeout],
  ['traceparent', FIELD.traceparent],
])
/** Bit n is set where one of the names above is n bytes long. */
const LENGTHS = [...BY_NAME.keys()].reduce((bits, { length }) => bits | (1 << length), 0)

/** Most names are told by this alone to be of no interest. */
export function isNameLength(length: number): boolean {
  return length < 32 && ((LENGTHS >> length) & 1) === 1
}

/** RFC 9113 §8.2: names are in lower case. */
export function fieldOf(name: string): Field {
  return BY_NAME.get(name) ?? FIELD.other
}
