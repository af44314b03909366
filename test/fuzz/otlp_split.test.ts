import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countItems } from '../../pipeline/otlp/count.ts'
import { type Limit, mergeRequests, type Piece, splitRequest } from '../../pipeline/otlp/split.ts'
import { arbitraryMessage } from '../proto/arbitrary.ts'
import { decode, descending, encode, requestType } from '../proto/otlp.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const
type Signal = (typeof SIGNALS)[number]

const limits: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({ sizer: fc.constant('items' as const), max: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ sizer: fc.constant('bytes' as const), max: fc.integer({ min: 1, max: 3000 }) }),
)

function pieces(signal: Signal, bytes: Uint8Array, limit: Limit): readonly Piece[] {
  const split = splitRequest({ signal, bytes }, limit)
  assert.ok(Array.isArray(split), JSON.stringify(split))
  return split
}

// biome-ignore lint/suspicious/noExplicitAny: plain objects of any message
type Plain = any

const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const
const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']

function without(plain: Plain, key: string): Plain {
  const { [key]: _, ...rest } = plain
  return rest
}

/** Each item with all that stands around it, in order: what a split may not change. */
function flat(signal: Signal, bytes: Uint8Array): string[] {
  const [resources, scopes, items] = LISTS[signal]
  const out: string[] = []
  for (const resource of decode({ signal, bytes, items: 0 })[resources] ?? []) {
    for (const scope of resource[scopes] ?? []) {
      const around = [without(resource, scopes), without(scope, items)]
      for (const item of scope[items] ?? []) {
        const data = signal === 'metrics' ? DATA.find((key) => item[key]?.dataPoints) : undefined
        if (data === undefined) out.push(JSON.stringify([...around, item]))
        else {
          for (const point of item[data].dataPoints) {
            const metric = [without(item, data), data, without(item[data], 'dataPoints')]
            out.push(JSON.stringify([...around, ...metric, point]))
          }
        }
      }
    }
  }
  return out
}

function judge(signal: Signal, bytes: Uint8Array, limit: Limit): void {
  const split = pieces(signal, bytes, limit)
  assert.deepEqual(
    split.flatMap((piece) => flat(signal, piece.bytes)),
    flat(signal, bytes),
  )
  for (const piece of split) {
    assert.equal(countItems(signal, piece.bytes), piece.items)
    const size = limit.sizer === 'items' ? piece.items : piece.bytes.length
    if (size > limit.max) {
      // Only what cannot be cut further is larger than it may be.
      assert.ok(limit.sizer === 'bytes' && piece.items <= 1, `${size} ${limit.sizer}`)
    }
  }
  const total = countItems(signal, bytes)
  assert.equal(
    split.reduce((sum, piece) => sum + piece.items, 0),
    total,
  )
}

for (const signal of SIGNALS) {
  const request = arbitraryMessage(requestType(signal))

  test(`${signal}: pieces hold every item once, in order, with what stands around it`, () => {
    fc.assert(
      fc.property(request, limits, (plain, limit) => {
        judge(signal, encode(signal, plain).bytes, limit)
      }),
      { numRuns: 400 },
    )
  })

  test(`${signal}: the order of the fields within a message does not matter`, () => {
    fc.assert(
      fc.property(request, limits, (plain, limit) => {
        const bytes = descending(requestType(signal), encode(signal, plain).bytes)
        judge(signal, bytes, limit)
      }),
      { numRuns: 150 },
    )
  })

  test(`${signal}: a merge has the items of all, in order, and can be cut again`, () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), limits, (plains, limit) => {
        const requests = plains.map((plain) => encode(signal, plain).bytes)
        const merged = mergeRequests(requests)
        assert.deepEqual(
          flat(signal, merged),
          requests.flatMap((bytes) => flat(signal, bytes)),
        )
        judge(signal, merged, limit)
      }),
      { numRuns: 100 },
    )
  })

  test(`${signal}: random and damaged bytes end in pieces or in a value that says why`, () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(request, damage, limits, (plain, damages, limit) => {
        const bytes = encode(signal, plain).bytes.slice()
        for (const [at, byte] of damages) if (bytes.length > 0) bytes[at % bytes.length] = byte
        const split = splitRequest({ signal, bytes }, limit)
        if ('kind' in split) assert.equal(split.kind, 'malformed')
        else assert.equal(total(split), countItems(signal, bytes))
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), limits, (bytes, limit) => {
        const split = splitRequest({ signal, bytes }, limit)
        if (!('kind' in split)) assert.equal(total(split), countItems(signal, bytes))
      }),
      { numRuns: 2000 },
    )
  })
}

function total(split: readonly Piece[]): number {
  return split.reduce((sum, { items }) => sum + items, 0)
}
