/**
 * Whatever order the rows of call trees come in, and however they are cut into batches, the same
 * spans get the same parents and each tree is one trace.
 */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import type { Row } from './rows.ts'
import { Stage, type Stitched } from './stage.ts'

let last: Stage | undefined

/** A stage in place of the last one, which is shut down whatever became of its property. */
function begin(...options: ConstructorParameters<typeof Stage>): Stage {
  last?.stitch.shutdown()
  last = new Stage(...options)
  return last
}

afterEach(() => last?.stitch.shutdown())

/** A call: who makes it (-1: somebody outside, else a call before it), and what is known of it. */
interface Call {
  readonly caller: number
  /** Stands on the wire: an own header, or the one of the caller's request, forwarded. */
  readonly header: 'none' | 'own' | 'forwarded'
  readonly confidence: number
  /** Whether the client's end runs on this host. */
  readonly clientSeen: boolean
  readonly announced: boolean
}

const CALL: fc.Arbitrary<Omit<Call, 'caller'>> = fc.record({
  header: fc.constantFrom('none', 'none', 'own', 'forwarded'),
  confidence: fc.constantFrom(0.5, 0.7, 0.95),
  clientSeen: fc.boolean(),
  announced: fc.boolean(),
})

/** Each call is made by one before it, or from outside. */
const CALLS: fc.Arbitrary<Call[]> = fc
  .array(fc.tuple(CALL, fc.nat()), { minLength: 1, maxLength: 14 })
  .map((list) =>
    list.map(([call, pick], i) => {
      const caller = (pick % (i + 1)) - 1
      // A service that is called here and calls is seen calling.
      return { ...call, caller, clientSeen: call.clientSeen || caller >= 0 }
    }),
  )

const flowOf = (call: number): number => 1000 + call

/** The traceparent of each call's request, as a number, or 0. */
function headersOf(calls: readonly Call[]): number[] {
  const headers: number[] = []
  for (const [i, call] of calls.entries()) {
    const forwarded = headers[call.caller] ?? 0
    headers.push(call.header === 'own' ? i + 1 : call.header === 'forwarded' ? forwarded : 0)
  }
  return headers
}

function rowsOf(calls: readonly Call[]): Row[] {
  const headers = headersOf(calls)
  return calls.flatMap((call, i) => {
    const header = headers[i] as number
    const common = {
      flow: flowOf(i),
      offset: i * 100,
      ...(header > 0 && { traceparent: [header, header] as const }),
    }
    const cause = {
      flow: flowOf(call.caller),
      offset: call.caller * 100,
      confidence: call.confidence,
    }
    const client: Row = {
      ...common,
      role: 'client',
      name: `client ${i}`,
      ...(call.caller >= 0 && { cause }),
    }
    const server: Row = { ...common, role: 'server', name: `server ${i}` }
    const ends = call.clientSeen ? [client, server] : [server]
    return call.announced ? ends.flatMap((row) => [{ ...row, state: 'open' as const }, row]) : ends
  })
}

/** The parent that each span is to have: a span's name, `wire n`, or ''. */
function parentsOf(calls: readonly Call[]): Map<string, string> {
  const headers = headersOf(calls)
  const parents = new Map<string, string>()
  for (const [i, call] of calls.entries()) {
    const header = headers[i] as number
    const wire = header > 0 ? `wire ${header}` : ''
    parents.set(`server ${i}`, call.clientSeen ? `client ${i}` : wire)
    if (!call.clientSeen) continue
    const sure = call.caller >= 0 && call.confidence >= 0.7
    const passedOn = header === 0 || header === headers[call.caller]
    parents.set(`client ${i}`, sure && passedOn ? `server ${call.caller}` : wire)
  }
  return parents
}

/** The span that each root is to name as its candidate, if any. */
function candidatesOf(calls: readonly Call[]): Map<string, string> {
  const headers = headersOf(calls)
  const candidates = new Map<string, string>()
  for (const [i, call] of calls.entries()) {
    if (!call.clientSeen || call.caller < 0) continue
    if (headers[i] === 0 && call.confidence < 0.7) {
      candidates.set(`client ${i}`, `server ${call.caller}`)
    }
  }
  return candidates
}

function connections(calls: readonly Call[]): Row[] {
  return calls.flatMap((call, i): Row[] =>
    call.clientSeen ? [{ kind: 'connection', state: 'open', role: 'client', flow: flowOf(i) }] : [],
  )
}

/** Name of the parent of each span that came out, and the trace each is in. */
function read(rows: readonly Stitched[]): {
  parents: Map<string, string>
  traces: Map<string, string>
} {
  const names = new Map(rows.map((row) => [row.span, row.name]))
  const parents = new Map<string, string>()
  const traces = new Map<string, string>()
  for (const row of rows) {
    const wire = row.parent === '' ? '' : `wire ${Number.parseInt(row.parent.slice(8), 16)}`
    const parent = names.get(row.parent) ?? wire
    assert.equal(parents.get(row.name) ?? parent, parent, 'all rows of a span agree')
    assert.equal(traces.get(row.name) ?? row.trace, row.trace, 'all rows of a span agree')
    parents.set(row.name, parent)
    traces.set(row.name, row.trace)
  }
  return { parents, traces }
}

function cut<T>(list: readonly T[], sizes: readonly number[]): T[][] {
  const pieces: T[][] = []
  let from = 0
  for (let i = 0; from < list.length; i++) {
    const size = sizes[i % sizes.length] as number
    pieces.push(list.slice(from, from + size))
    from += size
  }
  return pieces
}

const SIZES = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

test('any order of arrival within the window gives the same trees', () => {
  const cases = CALLS.chain((calls) => {
    const rows = rowsOf(calls)
    return fc.tuple(
      fc.constant(calls),
      fc.shuffledSubarray(rows, { minLength: rows.length }),
      SIZES,
    )
  })
  fc.assert(
    fc.property(cases, ([calls, rows, sizes]) => {
      const stage = begin()
      stage.send(...connections(calls))
      for (const batch of cut(rows, sizes)) stage.send(...batch)
      stage.balance()
      assert.equal(stage.stitch.held(), 0, 'every parent has come, so nobody waits')
      const out = stage.rows()
      assert.equal(out.length, rows.length)
      const { parents, traces } = read(out)
      assert.deepEqual(new Map([...parents].sort()), new Map([...parentsOf(calls)].sort()))
      for (const [name, parent] of parents) {
        if (traces.has(parent)) assert.equal(traces.get(name), traces.get(parent))
      }
      const spans = new Map(out.map((row) => [row.span, row]))
      const candidates = new Map<string, string>()
      for (const row of out.filter(({ candidateSpan }) => candidateSpan !== '')) {
        const candidate = spans.get(row.candidateSpan)
        assert.equal(row.candidateTrace, candidate?.trace)
        candidates.set(row.name, candidate?.name ?? 'nothing that was sent')
      }
      assert.deepEqual(new Map([...candidates].sort()), new Map([...candidatesOf(calls)].sort()))
      const roots = [...parents].filter(([, parent]) => parent === '').map(([name]) => name)
      assert.equal(new Set(roots.map((name) => traces.get(name))).size, roots.length)
    }),
    { numRuns: 400 },
  )
})

test('whatever is missing, late or twice, no span names one that was not sent', () => {
  const cases = CALLS.chain((calls) => {
    const rows = rowsOf(calls)
    return fc.tuple(
      fc.constant(calls),
      fc.shuffledSubarray([...rows, ...rows]),
      SIZES,
      fc.array(fc.constantFrom(0, 100, 900, 2900, 40_000), { minLength: 1, maxLength: 6 }),
      fc.record({ rows_max: fc.constantFrom(1, 3, 1000), entries_max: fc.constantFrom(16, 1000) }),
    )
  })
  fc.assert(
    fc.property(cases, ([calls, rows, sizes, pauses, bounds]) => {
      // Nothing is made of silence here: open_rows.test.ts.
      const stage = begin({ ...bounds, open_timeout: 0 })
      stage.send(...connections(calls))
      for (const [i, batch] of cut(rows, sizes).entries()) {
        stage.send(...batch)
        stage.balance()
        assert(stage.stitch.held() <= bounds.rows_max)
        const pause = pauses[i % pauses.length] as number
        for (let passed = 0; passed < pause; passed += 100) stage.pass(100)
      }
      while (stage.stitch.held() > 0) stage.pass(100)
      assert(stage.longestWait <= 9000, `waited ${stage.longestWait} ms`)
      const out = stage.rows()
      assert.equal(out.length, rows.length)
      const sent = new Map(out.map((row) => [row.span, row]))
      for (const row of out) {
        assert.notEqual(row.trace, '')
        if (row.method !== 'none' && row.method !== 'header') assert(sent.has(row.parent))
        if (row.candidateSpan !== '') assert(sent.has(row.candidateSpan))
        assert.equal(row.parent === '', row.method === 'none')
      }
    }),
    { numRuns: 400 },
  )
})

test('hostile causes, in circles or of themselves, end in finite trees', () => {
  const row = fc.record({
    role: fc.constantFrom('client' as const, 'server' as const),
    flow: fc.integer({ min: 1, max: 4 }),
    cause: fc.option(fc.record({ flow: fc.integer({ min: 1, max: 4 }), offset: fc.constant(0) }), {
      nil: undefined,
    }),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 30 }), SIZES, (list, sizes) => {
      const rows = list.map(
        ({ cause, ...rest }, i): Row => ({
          ...rest,
          name: `${i}`,
          ...(cause && rest.role === 'client' && { cause }),
        }),
      )
      const stage = begin({ wait: 'always' })
      for (const batch of cut(rows, sizes)) stage.send(...batch)
      stage.pass(3000)
      stage.pass(6000)
      assert.equal(stage.stitch.held(), 0)
      const out = stage.rows()
      assert.equal(out.length, rows.length)
      const parents = new Map(out.map((one) => [one.span, one.parent]))
      for (const start of parents.keys()) {
        let span: string | undefined = start
        for (let steps = 0; span !== undefined && span !== ''; steps++) {
          assert(steps <= parents.size, 'the way up ends')
          span = parents.get(span)
        }
      }
    }),
    { numRuns: 400 },
  )
})
