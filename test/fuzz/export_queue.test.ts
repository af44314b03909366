/** The queue under any load and any answers: every span arrives or is counted, and none twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import { queueOptions } from '../../pipeline/exporter/options.ts'
import { SendingQueue } from '../../pipeline/exporter/queue.ts'
import type { Sender } from '../../pipeline/exporter/sender.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { OK, type Outcome, permanent, retryable } from '../../pipeline/outcome.ts'
import { namedSpans } from '../exporters/sending.ts'
import { decode } from '../proto/otlp.ts'

const options = fc.record({
  num_consumers: fc.integer({ min: 1, max: 4 }),
  sizer: fc.constantFrom('requests', 'items', 'bytes'),
  queue_size: fc.constantFrom(3, 20, 2000),
  block_on_overflow: fc.boolean(),
  wait_for_result: fc.boolean(),
  batch: fc.option(
    fc.record({
      sizer: fc.constantFrom('items', 'bytes'),
      min_size: fc.integer({ min: 0, max: 30 }),
      max_size: fc.constantFrom(0, 30, 60),
      flush_timeout: fc.constant('1ms'),
      partition: fc.record({ metadata_keys: fc.constantFrom([], ['x-tenant']) }),
    }),
    { nil: undefined },
  ),
})
const requests = fc.array(
  fc.record({
    spans: fc.integer({ min: 0, max: 12 }),
    tenant: fc.constantFrom('a', 'b'),
    /** Turns of the event loop before the next one. */
    pause: fc.integer({ min: 0, max: 2 }),
  }),
  { maxLength: 25 },
)
const answers = fc.infiniteStream(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Outcome>(OK) },
    fc.constant<Outcome>(permanent('no')),
    fc.constant<Outcome>(retryable('later')),
  ),
)

/** Where the layers below the queue are: remembers what it delivered. */
class End implements Sender {
  readonly arrived: string[] = []
  readonly #answers: Iterator<Outcome>

  constructor(answers: Iterable<Outcome>) {
    this.#answers = answers[Symbol.iterator]()
  }

  async send(batch: OtlpBatch): Promise<Outcome> {
    await new Promise((resolve) => setImmediate(resolve))
    const outcome = this.#answers.next().value as Outcome
    if (outcome.kind === 'ok') this.arrived.push(...names(batch))
    return outcome
  }

  hurry(): void {}
  close(): void {}
}

function names(batch: OtlpBatch): string[] {
  // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
  const spansOf = (resource: any) => resource.scopeSpans.flatMap((scope: any) => scope.spans ?? [])
  const spans = (decode(batch).resourceSpans ?? []).flatMap(spansOf)
  return spans.map(({ name }: { name: string }) => name)
}

test('books balance, nothing arrives twice, and what was refused did not arrive', async () => {
  await fc.assert(
    fc.asyncProperty(options, requests, answers, async (config, load, outcomes) => {
      const ledger = new Ledger(pino({ level: 'silent' }))
      const next = new End(outcomes)
      const queue = new SendingQueue(queueOptions.parse(config), {
        id: 'otlp',
        signal: 'traces',
        carries: 'traces',
        next,
        ledger,
        logger: pino({ level: 'silent' }),
      })
      let taken = 0
      const kept: string[] = []
      const given: Promise<void>[] = []
      for (const [i, { spans, tenant, pause }] of load.entries()) {
        const own = Array.from({ length: spans }, (_, n) => `${i}.${n}`)
        const client = { metadata: { 'x-tenant': [tenant] } }
        const offered = Promise.resolve(queue.consume({ ...namedSpans(...own), client }))
        given.push(
          offered.then((outcome) => {
            if (outcome.kind === 'ok') taken += spans
            else kept.push(...own)
          }),
        )
        for (let turn = 0; turn < pause; turn++) await new Promise((done) => setImmediate(done))
      }
      await queue.shutdown()
      await Promise.all(given)
      const { in: again, used, lost, held } = ledger.entry()
      const gone = Object.values(lost).reduce((sum, count) => sum + count, 0)
      const sent = used.sent ?? 0
      assert.equal(held, 0)
      assert.equal(taken + again, sent + (used.empty ?? 0) + gone)
      assert.equal(next.arrived.length, sent)
      assert.equal(new Set(next.arrived).size, sent)
      // Only part of a request that was cut can have been sent and yet be the caller's.
      const both = kept.filter((name) => next.arrived.includes(name)).length
      assert.equal(both, again)
    }),
    { numRuns: 300 },
  )
})
