/** The static table of HPACK (RFC 7541 appendix A). */
import { Entry } from './entry.ts'
import { fieldOf } from './field_names.ts'

/** Entries in order, from index 1 on; with a value where they have one. */
const NAMES =
  ':authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|' +
  ':status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500|' +
  'accept-charset|accept-encoding gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|' +
  'content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|' +
  'if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|' +
  'proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'

/** At the index of HPACK; index 0 is none. */
export const STATIC: readonly Entry[] = ['', ...NAMES.split('|')].map((each) => {
  const entry = new Entry()
  const blank = each.indexOf(' ')
  const name = blank < 0 ? each : each.slice(0, blank)
  const value = Buffer.from(blank < 0 ? '' : each.slice(blank + 1))
  entry.field = fieldOf(name)
  entry.nameBytes = name.length
  entry.valueBytes = value.length
  if (entry.isAsked) entry.read(value, 0, value.length)
  return entry
})
