import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TreeSpan } from '../../../exporters/debug/tree_span.ts'
import { treeText } from '../../../exporters/debug/tree_text.ts'

function span(spanId: string, parentSpanId: string, more: Partial<TreeSpan> = {}): TreeSpan {
  const who = more.who ?? spanId
  return {
    spanId,
    parentSpanId,
    who,
    service: who,
    what: 'GET /',
    failed: false,
    notes: [],
    startNs: 0,
    durationNs: 1e6,
    ...more,
  }
}

test('`treeText` draws children below their parents, by their start, with bars on one axis', () => {
  const spans = [
    span('c', 'a', { startNs: 6e6, durationNs: 2e6, notes: ['rtt 1 ms', 'by thread, 0.90'] }),
    span('a', '', { durationNs: 8e6 }),
    span('d', 'b', { startNs: 2e6 }),
    span('b', 'a', { startNs: 1e6, durationNs: 3e6, what: 'POST /x 500' }),
  ]
  assert.equal(
    treeText({ id: 'ff', spans }, false),
    [
      'trace ff  4 services  8.00 ms',
      '└─ a        GET /        8.00 ms  ████████████████',
      '   ├─ b     POST /x 500  3.00 ms    ██████',
      '   │  └─ d  GET /        1.00 ms      ██',
      '   └─ c     GET /        2.00 ms              ████  rtt 1 ms, by thread, 0.90',
    ].join('\n'),
  )
})

test('`treeText` puts a span at the top whose parent has not come', () => {
  const text = treeText({ id: 'ff', spans: [span('a', 'x'), span('b', 'y')] }, false)
  assert.match(text, /\n├─ a .*\n└─ b /)
})

test('`treeText` shows every span once, whatever the parents are, circles and deep chains too', () => {
  const id = fc.nat(12).map(String)
  fc.assert(
    fc.property(fc.array(fc.tuple(id, id), { minLength: 1, maxLength: 30 }), (pairs) => {
      const spans = pairs.map(([a, b], i) => span(a, b, { who: `#${i}#` }))
      const text = treeText({ id: 'ff', spans }, false)
      assert.equal(text.split('\n').length, spans.length + 1)
      for (const { who } of spans) assert.equal(text.split(who).length, 2, who)
    }),
  )
  const chain = Array.from({ length: 10_000 }, (_, i) => span(`${i}`, `${i - 1}`))
  assert.equal(treeText({ id: 'ff', spans: chain }, false).split('\n').length, 10_001)
})

test('`treeText` uses colours only where it is told to', () => {
  const spans = [span('a', '', { failed: true })]
  assert.ok(!treeText({ id: 'ff', spans }, false).includes('\u001b'))
  assert.ok(treeText({ id: 'ff', spans }, true).includes('\u001b[31mGET /'))
})
