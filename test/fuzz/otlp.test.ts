import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import { countItems } from '../../pipeline/otlp/count.ts'
import { toJson } from '../../pipeline/otlp/json.ts'
import { LogsView } from '../../pipeline/otlp/logs_view.ts'
import { MetricsView } from '../../pipeline/otlp/metrics_view.ts'
import { TracesView } from '../../pipeline/otlp/traces_view.ts'
import type { AttributesView } from '../../pipeline/otlp/values.ts'
import { arbitraryMessage, withWholeIds } from '../proto/arbitrary.ts'
import { encode, requestType } from '../proto/otlp.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const

/** Reads all there is; each step takes at least one byte, so more steps than that is a loop. */
function readAll(signal: (typeof SIGNALS)[number], bytes: Uint8Array) {
  let steps = 0
  const step = () => assert.ok(++steps <= bytes.length * 40 + 40, 'the view goes round in circles')
  const all = (attributes: AttributesView) => {
    for (step(); attributes.next(); step()) String(attributes.key + typeof attributes.value)
  }
  if (signal === 'traces') {
    const view = new TracesView(bytes)
    for (; view.nextResource(); step()) {
      all(view.resource.attributes)
      for (; view.nextScope(); step()) {
        all(view.scope.attributes)
        for (; view.nextSpan(); step()) {
          const { span } = view
          assert.ok(span.traceId.length <= bytes.length * 2)
          all(span.attributes)
          for (; span.links.next(); step()) all(span.links.attributes)
          for (; span.events.next(); step()) all(span.events.attributes)
        }
      }
    }
    return view.fault
  }
  if (signal === 'metrics') {
    const view = new MetricsView(bytes)
    for (; view.nextResource(); step()) {
      for (; view.nextScope(); step()) {
        for (; view.nextMetric(); step()) {
          for (; view.metric.nextPoint(); step()) {
            all(view.metric.point.attributes)
            assert.ok(view.metric.point.bucketCounts().length <= bytes.length)
            assert.ok(view.metric.point.explicitBounds().length <= bytes.length)
          }
        }
      }
    }
    return view.fault
  }
  const view = new LogsView(bytes)
  for (; view.nextResource(); step()) {
    for (; view.nextScope(); step()) {
      for (; view.nextRecord(); step()) {
        assert.ok(view.record.body !== null)
        all(view.record.attributes)
      }
    }
  }
  return view.fault
}

function judge(signal: (typeof SIGNALS)[number], bytes: Uint8Array) {
  const count = countItems(signal, bytes)
  assert.ok(typeof count === 'number' ? count <= bytes.length : count.kind === 'malformed')
  const fault = readAll(signal, bytes)
  if (fault !== undefined) assert.ok(fault.offset <= bytes.length)
  const json = toJson(signal, bytes)
  if (typeof json === 'string') JSON.parse(json)
  else assert.equal(json.kind, 'malformed')
  // What the check lets pass every reader can read to its end, and all count alike.
  const checked = checkRequest(signal, bytes)
  if (typeof checked === 'number') {
    assert.deepEqual([count, fault, typeof json], [checked, undefined, 'string'])
  }
  return { count, fault, json, checked }
}

for (const signal of SIGNALS) {
  test(`random bytes as ${signal} end in a value, never in an exception or a loop`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void judge(signal, bytes)),
      { numRuns: 3000 },
    )
  })

  test(`damaged ${signal} requests end in a value, never in an exception or a loop`, () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), length: fc.nat() })
    const request = arbitraryMessage(requestType(signal))
    fc.assert(
      fc.property(request, fc.array(damage, { minLength: 1, maxLength: 4 }), (plain, damages) => {
        const bytes = encode(signal, plain).bytes.slice()
        if (bytes.length === 0) return
        for (const { at, byte } of damages) bytes[at % bytes.length] = byte
        judge(signal, bytes)
        judge(signal, bytes.subarray(0, (damages[0]?.length ?? 0) % bytes.length))
      }),
      { numRuns: 500 },
    )
  })

  test(`a ${signal} request cut off inside its only resource is malformed for every reader`, () => {
    const resource = arbitraryMessage(requestType(signal)).filter((plain) => {
      const [only, second] = (Object.values(plain)[0] as unknown[] | undefined) ?? []
      return only !== undefined && second === undefined && encode(signal, plain).bytes.length > 2
    })
    fc.assert(
      fc.property(resource, fc.nat(), (plain, cut) => {
        const { bytes } = encode(signal, plain)
        const { count, fault, json } = judge(
          signal,
          bytes.subarray(0, 1 + (cut % (bytes.length - 1))),
        )
        assert.ok(typeof count === 'object' && typeof json === 'object' && fault !== undefined)
      }),
      { numRuns: 200 },
    )
  })

  test(`a ${signal} request whose ids are as long as they must be passes the check`, () => {
    fc.assert(
      fc.property(arbitraryMessage(requestType(signal)), (plain) => {
        const { bytes } = encode(signal, withWholeIds(plain) as Record<string, unknown>)
        const { checked } = judge(signal, bytes)
        assert.equal(typeof checked, 'number', JSON.stringify(checked))
      }),
      { numRuns: 300 },
    )
  })
}
