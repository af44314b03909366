/** The host name in a `server_name` extension (RFC 6066 §3). */
import { Cursor } from './cursor.ts'

const HOST_NAME = 0
const NAME_CHARS_MAX = 253
/** Letters, digits and hyphens of RFC 1123, and the underscores that are in use. */
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** In lower case, without a dot at the end; '': there is none that could be one of a host. */
export function serverNameOf(data: Buffer): string {
  const list = new Cursor(new Cursor(data).vector(2))
  if (list.number(1) !== HOST_NAME) return ''
  const name = list.vector(2)
  if (list.cut || name.length > NAME_CHARS_MAX + 1) return ''
  const text = name.toString('latin1').toLowerCase().replace(/\.$/, '')
  return NAME.test(text) && text.length <= NAME_CHARS_MAX ? text : ''
}
