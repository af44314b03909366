/** What most tests of exchanges play on a scripted connection, and look at of its rows. */
import { type Row, Script } from './script.ts'

export const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export function pick(row: Row | undefined, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, row?.[name]]))
}

/** Plays pieces on one client connection and closes it: `>` a request's, `<` a response's. */
export function play(...pieces: string[]): Row[] {
  const script = new Script()
  const connection = script.connection()
  for (const piece of pieces) {
    if (piece.startsWith('>')) connection.request({ bytes: piece.slice(1) })
    else connection.response({ bytes: piece.slice(1) })
  }
  connection.close()
  return script.exchanges()
}
