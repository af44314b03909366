/** Whatever is remembered from rows before, a row's span is that of a connector that is new. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { schema } from '../../../connectors/flow_spans/config.ts'
import { FlowSpans } from '../../../connectors/flow_spans/flow_spans.ts'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { decode } from '../../proto/otlp.ts'
import { addFlowRow, type EndText, type FlowRow, Surroundings } from '../rows.ts'

const END: fc.Arbitrary<EndText> = fc.record({
  service_name: fc.constantFrom('a', 'b', ''),
  k8s_pod: fc.constantFrom('', 'a', 'b'),
  k8s_workload_kind: fc.constantFrom('', 'Deployment', 'ReplicaSet'),
  k8s_workload: fc.constantFrom('a', 'b'),
})
const ADDRESS = fc.constantFrom([...Array(15).fill(0), 1], [...Array(15).fill(7), 1])

/** Few values each, so that rows are often alike but for one of them. */
const ROW: fc.Arbitrary<FlowRow> = fc.record({
  role: fc.constantFrom('client' as const, 'server' as const),
  flow: fc.constantFrom(1, 2),
  src: ADDRESS,
  dst: ADDRESS,
  comm: fc.constantFrom('a', 'b'),
  transport: fc.constantFrom('tcp', 'udp'),
  method: fc.constantFrom('GET', 'PUT', 'a', 'b'),
  host: fc.constantFrom('', 'a', 'b', '[::1]:1'),
  target: fc.constantFrom('/', '/a?b', '*', '/a/1', '/a/2', '/a/2?c'),
  protocol: fc.constantFrom('http', 'grpc', 'redis', 'dns', 'kafka', 'x'),
  query: fc.constantFrom('', 'a', 'b'),
  namespace: fc.constantFrom('', 'a', 'b'),
  error: fc.constantFrom('', 'a', 'b'),
  responseBytes: fc.constantFrom(0, 1),
  version: fc.constantFrom('1.0', '1.1', ''),
  status: fc.constantFrom(0, 200, 404, 500),
  connectUs: fc.constantFrom(Number.NaN, 0, 10, 20, Number.POSITIVE_INFINITY, -1),
  bytes: fc.constantFrom(0, 1, 2 ** 53 - 1, 2 ** 60, 0.5, Number.NaN, Number.POSITIVE_INFINITY),
  marks: fc.constantFrom([], ['desynchronised'] as const),
  source: END,
  destination: END,
})

/** What may be different in rows of one end. */
const OWN_KEYS = [
  'method',
  'host',
  'target',
  'protocol',
  'query',
  'namespace',
  'error',
  'responseBytes',
  'version',
  'status',
  'bytes',
  'marks',
] as const satisfies readonly (keyof FlowRow)[]

/** Rows, some of which are of the end of one before, and differ from it in little. */
function rowsOf(row: fc.Arbitrary<FlowRow>): fc.Arbitrary<(FlowRow & { first: number })[]> {
  const keys = fc.oneof(fc.subarray([...OWN_KEYS], { maxLength: 2 }), fc.subarray([...OWN_KEYS]))
  const one = fc.tuple(row, fc.option(fc.nat(7)), keys)
  const drawn = fc.array(one, { minLength: 1, maxLength: 8 })
  return drawn.map((list) => {
    const rows: (FlowRow & { first: number })[] = []
    for (const [own, before, keys] of list) {
      const first = before === null || before >= rows.length ? undefined : rows[before]
      const picked = Object.fromEntries(keys.map((key) => [key, own[key]]))
      rows.push(first === undefined ? { ...own, first: rows.length } : { ...first, ...picked })
    }
    return rows
  })
}

/** Strings get other indexes in each batch, so that an index kept from one to the next shows. */
function batchOf(rows: readonly (FlowRow & { first?: number })[], salt: number): FlowBatch {
  const batch = new FlowBatch(rows.length)
  for (let i = 0; i < salt; i++) batch.strings.intern(`salt ${i}`)
  for (const [at, row] of rows.entries()) {
    addFlowRow(batch, row)
    batch.firstOf[at] = row.first ?? at
  }
  return batch
}

type Decoded = ReturnType<typeof decode>

/** Spans with their resources, in an order of their own. */
function spansOf(around: Surroundings): string[] {
  return around.got
    .splice(0)
    .flatMap((batch) => decode(batch).resourceSpans)
    .flatMap(({ resource, scopeSpans }: Decoded) =>
      scopeSpans.flatMap((scope: Decoded) =>
        scope.spans.map((span: Decoded) => JSON.stringify({ resource, span })),
      ),
    )
    .sort()
}

/** Routes are learnt, which is what they are for: here every row teaches, and all find room. */
const TEACHING = ROW.map((row) => ({ ...row, status: (row.status ?? 0) < 500 ? 200 : 500 }))

const CASES = [
  { name: 'without routes', row: ROW, config: { http_routes: { enabled: false } } },
  { name: 'with routes', row: TEACHING, config: {} },
]

for (const { name, row: ANY, config } of CASES)
  test(`spans do not depend on what came before, ${name}`, () => {
    const batches = fc.array(fc.tuple(rowsOf(ANY), fc.nat(3)), { maxLength: 5 })
    fc.assert(
      fc.property(batches, (list) => {
        const around = new Surroundings()
        const kept = new FlowSpans(around.settings, schema.parse(config), around.next)
        for (const [rows, salt] of list) {
          const batch = batchOf(rows, salt)
          kept.consume(batch)
          // It `borrows`: the memory of one batch is the next one's.
          assert.ok(kept.borrows)
          batch.recycle()
          const got = spansOf(around)
          for (const row of rows) {
            const fresh = new FlowSpans(around.settings, schema.parse(config), around.next)
            fresh.consume(batchOf([{ ...row, first: 0 }], 0))
          }
          assert.deepEqual(got, spansOf(around))
        }
      }),
      { numRuns: 100 },
    )
  })
