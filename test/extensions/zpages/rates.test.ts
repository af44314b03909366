import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateMeter } from '../../../extensions/zpages/rates.ts'
import type { ComponentView } from '../../../pipeline/service_view.ts'
import type { Book } from '../../../pipeline/telemetry/books.ts'

test('rates are over the readings that are kept, ten at most', () => {
  const book = { in: 0, out: 0, used: {}, lost: { full: 0 } as Record<string, number> }
  const view = { kind: 'exporter', id: 'x', book: () => book } as unknown as ComponentView
  const meter = new RateMeter(() => [view])
  const rates = (atMs: number) => meter.of(view, book as unknown as Book, atMs)
  assert.deepEqual(rates(0), { in: 0, out: 0, used: 0, lost: 0, seconds: 0 })
  for (let second = 0; second < 30; second++) {
    meter.read(second * 1000)
    book.in += 100
    book.lost.full = (book.lost.full ?? 0) + 1
  }
  assert.deepEqual(rates(30_000), { in: 100, out: 0, used: 0, lost: 1, seconds: 10 })
})

test('a component that was not there at the oldest reading began at nothing', () => {
  const meter = new RateMeter(() => [])
  meter.read(0)
  const view = { kind: 'exporter', id: 'x' } as unknown as ComponentView
  const book = { in: 20, out: 0, used: {}, lost: {} } as unknown as Book
  assert.equal(meter.of(view, book, 2000).in, 10)
})
