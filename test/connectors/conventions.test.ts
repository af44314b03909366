/**
 * Rows of every protocol through both connectors, against a frozen table of what they become, and
 * the table's names against the conventions' own package.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { schema as metricsSchema } from '../../connectors/flow_metrics/config.ts'
import { FlowMetrics } from '../../connectors/flow_metrics/flow_metrics.ts'
import { schema as spansSchema } from '../../connectors/flow_spans/config.ts'
import { FlowSpans } from '../../connectors/flow_spans/flow_spans.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { DURATIONS } from '../../pipeline/flows/conventions/conventions.ts'
import { PROTOCOL_NAMES } from '../../pipeline/flows/conventions/families.ts'
import { OK } from '../../pipeline/outcome.ts'
import { decode } from '../proto/otlp.ts'
import { ROWS } from './protocol_rows.ts'
import { addFlowRow, type FlowRow, Surroundings } from './rows.ts'

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are walked freely
type Decoded = any

const TABLE = join(import.meta.dirname, 'testdata/conventions.txt')
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
/** The same for all protocols, and looked at elsewhere. */
const COMMON = /^(network\.(local|peer)\.|client\.|process\.|flowspan\.(flow_id|tcp\.))/

interface Seen {
  readonly span: Decoded
  readonly metric: Decoded
  readonly point: Decoded
}

/** What becomes of one row in a batch of its own. */
async function seen(row: FlowRow): Promise<Seen> {
  const around = new Surroundings()
  const spans = new FlowSpans(around.settings, spansSchema.parse({}), around.next)
  const metrics = new FlowMetrics(around.settings, metricsSchema.parse({}), around)
  for (const connector of [spans, metrics]) {
    const batch = new FlowBatch(1)
    addFlowRow(batch, row)
    assert.deepEqual(connector.consume(batch), OK)
  }
  await metrics.flush()
  const [traces, measured] = around.got.map((batch) => decode(batch))
  const [metric, ...others] = measured.resourceMetrics[0].scopeMetrics[0].metrics
  assert.equal(others.length, 0, 'a row is measured once')
  const span = traces.resourceSpans[0].scopeSpans[0].spans[0]
  return { span, metric, point: metric.histogram.dataPoints[0] }
}

function valueText(value: Decoded): string {
  const list = value.arrayValue?.values
  return list === undefined ? String(Object.values(value)[0]) : `[${list.map(valueText).join(' ')}]`
}

function pairs(list: Decoded[] = []): [key: string, value: string][] {
  const all = list.map(({ key, value }): [string, string] => [key, valueText(value)])
  assert.equal(new Set(all.map(([key]) => key)).size, all.length, 'each key once')
  return all.sort(([a], [b]) => (a < b ? -1 : 1))
}

function text(name: string, { span, metric, point }: Seen): string {
  const attributes = pairs(span.attributes).filter(([key]) => !COMMON.test(key))
  return [
    name,
    `  ${KINDS[span.kind]} "${span.name}"${span.status?.code === 2 ? ' Error' : ''}`,
    ...attributes.map(([key, value]) => `    ${key} = ${value}`),
    `  ${metric.name} [${metric.unit}] ${point.explicitBounds.join(' ')}`,
    ...pairs(point.attributes).map(([key, value]) => `    ${key} = ${value}`),
    '',
  ].join('\n')
}

test('rows of every protocol become what the table says (FROZEN=write writes it anew)', async () => {
  const parts: string[] = []
  for (const [name, row] of Object.entries(ROWS)) parts.push(text(name, await seen(row)))
  const got = parts.join('\n')
  if (process.env.FROZEN === 'write') writeFileSync(TABLE, got)
  assert.equal(got, readFileSync(TABLE, 'utf8'))
  const protocols = new Set(Object.values(ROWS).map((row) => row.protocol ?? 'http'))
  for (const protocol of PROTOCOL_NAMES) assert(protocols.has(protocol), protocol)
})

interface Published {
  /** Names that are to be used, and names that are not any more. */
  readonly current: ReadonlySet<string>
  readonly deprecated: ReadonlySet<string>
}

/** Names of the conventions' package, which an OpenTelemetry SDK brings. */
function published(): Published {
  const sdk = createRequire(import.meta.resolve('@opentelemetry/sdk-node'))
  const folder = dirname(sdk.resolve('@opentelemetry/semantic-conventions'))
  const current = new Set<string>()
  const deprecated = new Set<string>()
  for (const stability of ['stable', 'experimental']) {
    for (const what of ['attributes', 'metrics']) {
      const declared = readFileSync(join(folder, `${stability}_${what}.d.mts`), 'utf8')
      const each =
        /\/\*\*((?:(?!\*\/).)*)\*\/\s*declare const (?:ATTR|METRIC)_\w+ ?[:=] ?"([^"]+)"/gs
      for (const [, doc, name] of declared.matchAll(each)) {
        ;(doc?.includes('@deprecated') ? deprecated : current).add(name as string)
      }
    }
  }
  return { current, deprecated }
}

test('every name is one that the conventions have today, or our own', async () => {
  const { current, deprecated } = published()
  assert(current.size > 500 && deprecated.has('db.system') && current.has('db.system.name'))
  for (const [name, row] of Object.entries(ROWS)) {
    const { span, metric, point } = await seen(row)
    const keys = [...span.attributes, ...(point.attributes ?? [])].map(({ key }: Decoded) => key)
    for (const key of [...keys, metric.name]) {
      if (key.startsWith('flowspan.')) continue
      assert(current.has(key), `${name}: ${key}${deprecated.has(key) ? ' is deprecated' : ''}`)
    }
  }
})

test('every metric of durations is one of some row', async () => {
  const names = await Promise.all(Object.values(ROWS).map(async (row) => (await seen(row)).metric))
  assert.deepEqual(new Set(names.map(({ name }) => name)), new Set(DURATIONS))
})

test('rows of all protocols in one batch become what each becomes alone', async () => {
  const around = new Surroundings()
  const spans = new FlowSpans(around.settings, spansSchema.parse({}), around.next)
  const rows = Object.values(ROWS)
  const alone = await Promise.all(rows.map(async (row) => (await seen(row)).span))
  for (const order of [rows, [...rows].reverse(), [...rows, ...rows]]) {
    const batch = new FlowBatch(order.length)
    for (const row of order) addFlowRow(batch, row)
    spans.consume(batch)
    const got = decode(around.got.splice(0)[0] as never)
    const made = got.resourceSpans.flatMap((of: Decoded) => of.scopeSpans[0].spans)
    const wanted = order.map((row) => alone[rows.indexOf(row)])
    const sorted = (list: Decoded[]) => list.map((span) => JSON.stringify(span)).sort()
    assert.deepEqual(sorted(made), sorted(wanted))
  }
})
