import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { divide, type Part } from '../../exporters/load_balancing/division.ts'
import { divisionBy } from '../../exporters/load_balancing/keys.ts'
import { Rendezvous } from '../../exporters/load_balancing/rendezvous.ts'
import { countItems } from '../../pipeline/otlp/count.ts'
import { arbitraryMessage } from '../proto/arbitrary.ts'
import { decode, descending, encode, requestType } from '../proto/otlp.ts'

const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const
type Signal = keyof typeof LISTS

const KEYS = [
  ['traces', 'traceID'],
  ['traces', 'service'],
  ['logs', 'traceID'],
  ['logs', 'resource'],
  ['metrics', 'service'],
] as const

interface Item {
  readonly text: string
  readonly traceId: string
  readonly service: string
}

// biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
function serviceOf(resource: any): string {
  const named = (resource.resource?.attributes ?? []).filter(
    // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
    ({ key }: any) => key === 'service.name',
  )
  return JSON.stringify(named.at(-1)?.value ?? {})
}

/** Each item with all that stands around it, in order: what a division may not change. */
function itemsOf(signal: Signal, bytes: Uint8Array): Item[] {
  const [resources, scopes, items] = LISTS[signal]
  const found: Item[] = []
  for (const resource of decode({ signal, bytes, items: 0 })[resources] ?? []) {
    for (const scope of resource[scopes] ?? []) {
      const around = [
        { ...resource, [scopes]: 0 },
        { ...scope, [items]: 0 },
      ]
      for (const item of scope[items] ?? []) {
        const text = JSON.stringify([...around, item])
        found.push({ text, traceId: item.traceId ?? '', service: serviceOf(resource) })
      }
    }
  }
  return found
}

function judge(bytes: Uint8Array, { signal, key }: { signal: Signal; key: 'traceID' | string }) {
  const owners = new Rendezvous(['a', 'b', 'c'])
  const settings = divisionBy(key as 'traceID', { signal, owners })
  const items = countItems(signal, bytes) as number
  const parts = divide({ signal, bytes, items }, settings) as readonly Part[]
  assert(Array.isArray(parts), JSON.stringify(parts))
  const ownerOf = new Map<string, number>()
  const texts: string[] = []
  for (const { owner, batch } of parts) {
    assert.equal(countItems(signal, batch.bytes), batch.items)
    for (const item of itemsOf(signal, batch.bytes)) {
      texts.push(item.text)
      const by = key === 'traceID' ? item.traceId : key === 'service' ? item.service : item.text
      assert.equal(ownerOf.get(by) ?? owner, owner, 'one key, one owner')
      ownerOf.set(by, owner)
    }
  }
  assert.deepEqual(
    texts.sort(),
    itemsOf(signal, bytes)
      .map(({ text }) => text)
      .sort(),
  )
}

for (const [signal, key] of KEYS) {
  test(`a division of ${signal} by ${key} keeps every item, and what has one key together`, () => {
    const type = requestType(signal)
    const request = arbitraryMessage(type).map((plain) => encode(signal, plain).bytes)
    fc.assert(
      fc.property(request, fc.boolean(), (bytes, turned) => {
        judge(turned ? descending(type, bytes) : bytes, { signal, key })
      }),
      { numRuns: 100 },
    )
  })
}

test('bytes that are no request are told, and never thrown at', () => {
  const owners = new Rendezvous(['a', 'b'])
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(...KEYS),
      (bytes, [signal, key]) => {
        const parts = divide({ signal, bytes, items: 0 }, divisionBy(key, { signal, owners }))
        if ('kind' in parts) assert.equal(parts.kind, 'malformed')
      },
    ),
    { numRuns: 2000 },
  )
})
