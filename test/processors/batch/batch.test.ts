import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import pino from 'pino'
import type { Consumer } from '../../../pipeline/component.ts'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { countItems } from '../../../pipeline/otlp/count.ts'
import { TracesView } from '../../../pipeline/otlp/traces_view.ts'
import { TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { Batch } from '../../../processors/batch/batch.ts'
import { type BatchConfig, schema, validate } from '../../../processors/batch/config.ts'
import { flows } from '../../pipeline/probes.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'

/** A request with spans of these names. */
function request(names: readonly string[], over: Partial<OtlpBatch> = {}): OtlpBatch {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.attrString('service.name', names[0] ?? '')
  writer.beginScope('test', '1')
  for (const name of names) {
    writer.beginSpan()
    writer.name(name)
  }
  return { ...writer.finish(), ...over }
}

function namesOf({ bytes }: OtlpBatch): string[] {
  const view = new TracesView(bytes)
  const names: string[] = []
  while (view.nextResource())
    while (view.nextScope()) while (view.nextSpan()) names.push(view.span.name)
  assert.equal(view.fault, undefined)
  return names
}

function setUp(
  t: TestContext,
  { answer = () => OK, ...over }: Partial<BatchConfig> & { answer?: Answer } = {},
) {
  const taken: OtlpBatch[] = []
  const next: Consumer<'traces'> = {
    mutates: false,
    consume: async (data) => {
      const outcome = await answer(data)
      if (outcome.kind === 'ok') taken.push(data)
      return outcome
    },
  }
  const ledger = new Ledger(pino({ level: 'silent' }))
  const config = { ...schema.parse({ timeout: '20ms' }), ...over }
  const batch = new Batch<'traces'>(settingsOf({ ledger }), config, { next })
  t.after(() => batch.shutdown())
  return { batch, taken, ledger }
}

type Answer = (data: OtlpBatch) => Outcome | Promise<Outcome>

test('the defaults are the Collector’s, and so are its rules', () => {
  assert.deepEqual(schema.parse({}), {
    timeout: 200,
    send_batch_size: 8192,
    send_batch_max_size: 0,
    metadata_keys: [],
    metadata_cardinality_limit: 1000,
  })
  const bad = schema.parse({ send_batch_max_size: 100, metadata_keys: ['tenant', 'Tenant'] })
  assert.deepEqual(
    validate(bad).map(({ message }) => message),
    [
      'send_batch_max_size must be greater or equal to send_batch_size',
      'duplicate entry in metadata_keys: "tenant" (case-insensitive)',
    ],
  )
})

test('requests of one moment go out together, in order, and all hear of it', async (t) => {
  const { batch, taken } = setUp(t)
  const answers = ['a', 'b', 'c'].map((name) => batch.consume(request([name])))
  assert.deepEqual(await Promise.all(answers), [OK, OK, OK])
  assert.deepEqual(taken.map(namesOf), [['a', 'b', 'c']])
  assert.equal(taken[0]?.items, 3)
})

test('a batch goes when it is large enough, without waiting', async (t) => {
  const { batch, taken } = setUp(t, { timeout: 3_600_000, send_batch_size: 3 })
  const answers = [request(['a', 'b']), request(['c']), request(['d', 'e', 'f'])]
  await Promise.all(answers.map((data) => batch.consume(data)))
  assert.deepEqual(taken.map(namesOf), [
    ['a', 'b', 'c'],
    ['d', 'e', 'f'],
  ])
})

test('with `send_batch_size: 0` and with `timeout: 0s` every request goes at once', async (t) => {
  for (const over of [{ timeout: 3_600_000, send_batch_size: 0 }, { timeout: 0 }]) {
    const { batch, taken } = setUp(t, over)
    await Promise.all([batch.consume(request(['a'])), batch.consume(request(['b']))])
    assert.deepEqual(taken.map(namesOf), [['a'], ['b']])
  }
})

test('a refusal is every sender’s, and the data is as it was', async (t) => {
  const refusal = retryable('busy', 7)
  const { batch, ledger } = setUp(t, { answer: () => refusal })
  const data = [request(['a']), request(['b'])]
  const before = data.map(({ bytes }) => bytes.slice())
  const answers = await Promise.all(data.map((one) => batch.consume(one)))
  assert.deepEqual(answers, [refusal, refusal])
  assert.deepEqual(
    data.map(({ bytes }) => bytes),
    before,
  )
  assert.deepEqual(ledger.entry().lost, {})
})

test('one sender’s bad data is refused to it alone', async (t) => {
  const answer = (data: OtlpBatch) => (namesOf(data).includes('bad') ? permanent('bad') : OK)
  const { batch, taken } = setUp(t, { answer })
  const answers = ['a', 'bad', 'c'].map((name) => batch.consume(request([name])))
  assert.deepEqual(await Promise.all(answers), [OK, permanent('bad'), OK])
  assert.deepEqual(taken.map(namesOf), [['a'], ['c']])
})

test('no batch is larger than `send_batch_max_size`, and requests stay whole', async (t) => {
  const { batch, taken } = setUp(t, { send_batch_size: 4, send_batch_max_size: 4 })
  const data = [request(['a', 'b', 'c']), request(['d', 'e']), request(['f'])]
  await Promise.all(data.map((one) => batch.consume(one)))
  assert.deepEqual(taken.map(namesOf), [
    ['a', 'b', 'c'],
    ['d', 'e', 'f'],
  ])
})

test('a request that is larger than that is cut; the rest of one begun is brought to an end', async (t) => {
  const refusals = new Map([['c', 2]])
  const answer = (data: OtlpBatch) => {
    const [first = ''] = namesOf(data)
    const left = refusals.get(first) ?? 0
    refusals.set(first, left - 1)
    if (first === 'e') return permanent('no')
    return left > 0 ? retryable('busy', 1) : OK
  }
  const { batch, taken, ledger } = setUp(t, {
    send_batch_size: 2,
    send_batch_max_size: 2,
    answer,
  })
  assert.deepEqual(await batch.consume(request(['a', 'b', 'c', 'd', 'e', 'f', 'g'])), OK)
  assert.deepEqual(taken.map(namesOf), [['a', 'b'], ['c', 'd'], ['g']])
  assert.deepEqual(ledger.entry().lost, { refused: 2 })
  assert.equal(ledger.notes.get('refused_for_now'), 4)
})

test('a request of which nothing was taken is given back whole', async (t) => {
  const refusal = retryable('busy')
  const over = { send_batch_size: 2, send_batch_max_size: 2, answer: () => refusal }
  const { batch, ledger } = setUp(t, over)
  assert.deepEqual(await batch.consume(request(['a', 'b', 'c'])), refusal)
  assert.deepEqual(ledger.entry().lost, {})
})

test('a sender that is alone soon waits no more', async (t) => {
  const { batch, taken } = setUp(t, { timeout: 1000 })
  await batch.consume(request(['first']))
  const begin = performance.now()
  for (let i = 0; i < 50; i++) await batch.consume(request([`${i}`]))
  const each = (performance.now() - begin) / 50
  assert.ok(each < 200, `${each} ms a request`)
  assert.equal(taken.length, 51)
})

test('senders that wait for their answers go together, round after round', async (t) => {
  const { batch, taken } = setUp(t, { timeout: 1000 })
  const begin = performance.now()
  const sender = async (name: string) => {
    for (let i = 0; i < 20; i++) await batch.consume(request([name]))
  }
  await Promise.all(['a', 'b', 'c'].map(sender))
  assert.equal(taken.length, 20)
  assert.ok(performance.now() - begin < 20 * 500, 'only the first round waited')
})

test('requests are kept apart by `metadata_keys`, which are handed on', async (t) => {
  const { batch, taken } = setUp(t, { metadata_keys: ['Tenant'] })
  const of = (tenant: string[] | undefined, name: string) =>
    request([name], {
      client: { address: '10.0.0.1', metadata: { other: ['x'], ...(tenant && { tenant }) } },
    })
  const data = [of(['t1'], 'a'), of(['t2'], 'b'), of(['t1'], 'c'), of(undefined, 'd'), of([], 'e')]
  await Promise.all(data.map((one) => batch.consume(one)))
  assert.deepEqual(taken.map(namesOf).sort(), [['a', 'c'], ['b'], ['d'], ['e']])
  const both = taken.find(({ items }) => items === 2)
  assert.deepEqual(both?.client, { metadata: { tenant: ['t1'] } })
})

test('combinations beyond the limit are refused, until one is not in use any more', async (t) => {
  const { batch, taken } = setUp(t, { metadata_keys: ['k'], metadata_cardinality_limit: 2 })
  const of = (value: string) => request([value], { client: { metadata: { k: [value] } } })
  const answers = ['1', '2', '3', '1'].map((value) => batch.consume(of(value)))
  const tooMany = permanent('too many batcher metadata-value combinations')
  assert.deepEqual(await Promise.all(answers), [OK, OK, tooMany, OK])
  assert.deepEqual(await batch.consume(of('3')), OK)
  assert.equal(taken.length, 3)
})

test('flows are merged and cut like the rest', async (t) => {
  const taken: number[] = []
  const next: Consumer<'flows'> = {
    mutates: false,
    consume: (data) => {
      taken.push(data.rows)
      return OK
    },
  }
  const config = schema.parse({ send_batch_size: 5, send_batch_max_size: 5, metadata_keys: ['k'] })
  const batch = new Batch<'flows'>(settingsOf(), config, { next })
  t.after(() => batch.shutdown())
  const numbered = new FlowBatch(3)
  for (let i = 0; i < 3; i++) numbered.base.pid[numbered.addRow()] = 7
  const all = [flows(2), numbered, flows(12), flows(0)].map((data) => batch.consume(data))
  assert.deepEqual(await Promise.all(all), [OK, OK, OK, OK])
  assert.deepEqual(taken, [5, 5, 5, 2])
})

test('a shutdown sends what waits, answers everybody, and is safe twice', async (t) => {
  const { batch, taken } = setUp(t, { timeout: 3_600_000 })
  const answer = batch.consume(request(['a']))
  await Promise.all([batch.shutdown(), batch.shutdown()])
  assert.deepEqual(await answer, OK)
  assert.deepEqual(await batch.consume(request(['late'])), OK)
  assert.deepEqual(taken.map(namesOf), [['a'], ['late']])
})

test('the rest of a cut request is lost, and counted, when the shutdown is over', async (t) => {
  let offers = 0
  const answer = () => (offers++ === 0 ? OK : retryable('busy', 3_600_000))
  const over = { send_batch_size: 1, send_batch_max_size: 1, answer }
  const { batch, ledger } = setUp(t, over)
  const outcome = batch.consume(request(['a', 'b', 'c']))
  while (offers < 2) await new Promise((done) => setTimeout(done, 1))
  await batch.shutdown(AbortSignal.abort())
  assert.deepEqual(await outcome, OK)
  assert.deepEqual(ledger.entry().lost, { refused_until_shutdown: 2 })
})

test('it measures under the Collector’s names', async (t) => {
  const seen: string[] = []
  const meter = createNoopMeter()
  const instrument = (name: string) => ({
    add: (value: number, attributes?: object) =>
      void seen.push(`${name} ${value} ${JSON.stringify(attributes)}`),
    record: (value: number) => void seen.push(`${name} ${value}`),
  })
  meter.createCounter = instrument
  meter.createHistogram = instrument
  const config = schema.parse({ timeout: '5ms', send_batch_size: 2 })
  const next: Consumer<'traces'> = { mutates: false, consume: () => OK }
  const batch = new Batch<'traces'>(settingsOf({ id: 'batch/b', meter }), config, { next })
  t.after(() => batch.shutdown())
  const data = request(['a'])
  await batch.consume(data)
  await batch.consume(request(['a', 'b']))
  const labels = '{"processor":"batch/b"}'
  assert.deepEqual(seen.slice(0, 4), [
    `otelcol_processor_batch_timeout_trigger_send 1 ${labels}`,
    'otelcol_processor_batch_batch_send_size 1',
    `otelcol_processor_batch_batch_send_size_bytes ${data.bytes.length}`,
    `otelcol_processor_batch_batch_size_trigger_send 1 ${labels}`,
  ])
})

test('what goes out counts as many spans as were answered `ok`', async (t) => {
  const { batch, taken } = setUp(t, { send_batch_size: 7, send_batch_max_size: 9 })
  const sizes = Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 20))
  const names = (size: number) => Array.from({ length: size }, (_, i) => `${i}`)
  await Promise.all(sizes.map((size) => batch.consume(request(names(size)))))
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0)
  assert.equal(sum(taken.map(({ items }) => items)), sum(sizes))
  for (const { items, bytes } of taken) {
    assert.ok(items <= 9)
    assert.equal(countItems('traces', bytes), items)
  }
})
