/** Rows against what the client that caused them knows. */
import assert from 'node:assert/strict'
import { type Asked, delayMsOf, type Log, statusOf } from '../../../kit/apps/numbered.ts'
import type { Row } from '../script.ts'
import type { Books } from './watched.ts'

/** A client reads the wall clock in whole milliseconds, twice. */
export const CLOCK_MS = 2
export const ROLES = ['client', 'server'] as const

export interface Compared {
  /** Requests that one end has no closed row of, for both ends. */
  readonly missing: readonly Asked[]
  /** Rows that say that not all of their exchange was seen. */
  readonly marked: number
  /** Rows that say all. */
  readonly whole: number
}

/** Throws at any row that says what was not. */
export function compare(all: readonly Row[], { asked }: Log, port: number): Compared {
  const rows = all.filter((row) => row.dst_port === port && row.kind === 'exchange')
  const byId = new Map(asked.map((one) => [one.id, one]))
  const seen = new Set<string>()
  let marked = 0
  for (const row of rows) {
    const text = textOf(row)
    const id = Number(/^\/n\/(\d+)$/.exec(String(row.target))?.[1])
    const one = byId.get(id)
    assert.ok(one, `no such request: ${text}`)
    assert.equal(row.src_port, one.port, text)
    if (row.state !== 'closed') continue
    const key = `${row.role} ${id}`
    assert.ok(!seen.has(key), `twice: ${text}`)
    seen.add(key)
    assertTrue(row, one)
    if (isMarked(row)) marked++
  }
  const missing = ROLES.flatMap((role) => asked.filter(({ id }) => !seen.has(`${role} ${id}`)))
  return { missing, marked, whole: seen.size - marked }
}

export function isMarked({ lossy, desynchronised, truncated }: Row): boolean {
  return [lossy, desynchronised, truncated].some((mark) => mark === 1)
}

/** The columns that have a value. */
export function textOf(row: Row): string {
  const said = Object.entries(row).filter(([, value]) => value !== 0 && value !== '')
  return JSON.stringify(Object.fromEntries(said))
}

function assertTrue(row: Row, one: Asked): void {
  const text = `${textOf(row)} ${JSON.stringify(one)}`
  const number = (column: string) => Number(row[column])
  const incomplete = row.desynchronised === 1 || row.truncated === 1
  if (row.status !== 0) assert.equal(row.status, statusOf(one.id), text)
  else assert.ok(incomplete, `no status: ${text}`)
  const askedMs = one.endMs - one.startMs + CLOCK_MS
  assert.ok(number('duration_us') >= 0, text)
  // An exchange whose end was not seen ends with what was seen next.
  if (incomplete) {
    assert.ok(number('request_bytes') <= one.requestBytes, text)
    return
  }
  assert.ok(number('duration_us') / 1000 <= askedMs, `too long: ${text}`)
  assert.ok(number('duration_us') / 1000 >= delayMsOf(one.id), `too short: ${text}`)
  assert.ok(number('ttfb_us') <= number('duration_us'), text)
  assert.equal(row.request_bytes, one.requestBytes, text)
  assert.equal(row.response_bytes, one.responseBytes, text)
}

/** Each closed connection as its client counted it; gives how many ends are missing. */
export function compareConnections(all: readonly Row[], { made }: Log, port: number): number {
  const rows = all.filter((row) => row.dst_port === port && row.kind === 'connection')
  const byPort = Map.groupBy(made, (one) => one.port)
  const flows = new Map<string, Row>()
  const closed = new Set<string>()
  for (const row of rows) {
    const text = textOf(row)
    const known = byPort.get(Number(row.src_port)) ?? []
    assert.ok(known.length > 0, `no such connection: ${text}`)
    const key = `${row.role} ${row.flow_id}`
    const first = flows.get(key) ?? row
    flows.set(key, first)
    for (const column of ['src_port', 'isn_client', 'isn_server', 'connect_us']) {
      assert.equal(row[column], first[column], `${column}: ${text} ${textOf(first)}`)
    }
    // From the kernel's clock to the wall's: to a millisecond, in each reader.
    const apartNs = Math.abs(Number(row.start) - Number(first.start))
    assert.ok(apartNs <= CLOCK_MS * 1e6, `start: ${text} ${textOf(first)}`)
    if (row.state !== 'closed') continue
    assert.ok(!closed.has(key), `twice: ${text}`)
    closed.add(key)
    const [out, back] = [row.bytes_sent, row.bytes_received]
    const [sent, received] = row.role === 'client' ? [out, back] : [back, out]
    const fits = known.some((one) => one.bytesSent === sent && one.bytesReceived === received)
    assert.ok(fits, `${text} ${JSON.stringify(known)}`)
  }
  return 2 * made.length - closed.size
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

/** The books balance, with everything handed on. */
export function assertBalance(books: Books): void {
  const { in: taken, out, used, lost, held } = books
  assert.equal(taken, out + sum(used) + sum(lost) + held, JSON.stringify(books))
  assert.equal(held, 0)
}
