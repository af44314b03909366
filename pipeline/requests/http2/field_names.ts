/** Header fields that rows need, by number, and the static table of HPACK (RFC 7541 appendix A). */

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
/** Of the names above. */
export const NAME_BYTES_MAX = 12

/** RFC 9113 §8.2: names are in lower case. */
export function fieldOf(name: string): Field {
  return BY_NAME.get(name) ?? FIELD.other
}

/** Entries in order, from index 1 on; with a value where they have one. */
const STATIC =
  ':authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|' +
  ':status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500|' +
  'accept-charset|accept-encoding gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|' +
  'content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|' +
  'if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|' +
  'proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'

const ENTRIES = STATIC.split('|').map((entry) => {
  const blank = entry.indexOf(' ')
  const name = blank < 0 ? entry : entry.slice(0, blank)
  return { name, value: blank < 0 ? '' : entry.slice(blank + 1) }
})

export const STATIC_COUNT = ENTRIES.length

/** At the index of HPACK; index 0 names nothing. */
export const STATIC_FIELDS: readonly Field[] = [
  FIELD.other,
  ...ENTRIES.map(({ name }) => fieldOf(name)),
]
export const STATIC_VALUES: readonly string[] = ['', ...ENTRIES.map(({ value }) => value)]
export const STATIC_NAME_BYTES: readonly number[] = [0, ...ENTRIES.map(({ name }) => name.length)]
