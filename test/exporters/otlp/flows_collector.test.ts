/** Flow rows through a real OpenTelemetry Collector: what it makes of them, and what comes back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlp } from '../../../exporters/otlp/index.ts'
import { schema as httpSchema } from '../../../exporters/otlp_http/config.ts'
import { otlpHttp } from '../../../exporters/otlp_http/index.ts'
import type { ExporterFactory, Settings } from '../../../pipeline/component.ts'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { FlowsEncoder } from '../../../pipeline/flows/otlp/encode.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { type Collector, startCollector } from '../../kit/otelcol.ts'
import { freePorts } from '../../kit/ports.ts'
import { waitFor } from '../../kit/processes.ts'
import { allCells, BATCH } from '../../pipeline/flows/otlp/rows.ts'
import { exchangeRows } from '../../pipeline/flows/otlp/sample.ts'
import { decode } from '../../proto/otlp.ts'
import { receiving } from '../../receivers/otlp/receiving.ts'
import { running } from '../sending.ts'

const skip = await skipWithoutGo()
const DIRECT = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }

describe('a real Collector', { skip }, () => {
  let collector: Collector
  let port: number
  before(async () => {
    ;[port] = (await freePorts(1)) as [number]
    const back = {
      endpoint: `127.0.0.1:${port}`,
      tls: { insecure: true },
      wait_for_ready: true,
      // In the order in which they came.
      sending_queue: { enabled: false },
    }
    collector = await startCollector({ exporters: { 'otlp/back': back } })
  })
  after(() => collector?.stop())

  test('takes rows attribute by attribute, and gives them back as they were', async (t) => {
    const taken: FlowBatch[] = []
    const flows = {
      mutates: false,
      consume(batch: FlowBatch) {
        taken.push(batch)
        return OK
      },
    }
    const grpc = { endpoint: `127.0.0.1:${port}` }
    await receiving(t, { grpc, http: null, signals: [], flows })
    const make = ({ create }: ExporterFactory, config: unknown) =>
      running(t, (settings: Settings) => create.flows?.(settings, config) as never)
    const tls = { insecure: true }
    const exporters = [
      await make(otlp, schema.parse({ endpoint: collector.otlpGrpc, tls, ...DIRECT })),
      await make(otlpHttp, httpSchema.parse({ endpoint: collector.otlpHttp, ...DIRECT })),
      await make(
        otlpHttp,
        httpSchema.parse({ endpoint: collector.otlpHttp, encoding: 'json', ...DIRECT }),
      ),
    ]
    const batches = [exchangeRows(3), ...fc.sample(BATCH, { numRuns: 60, seed: 7 })]
    for (const [i, batch] of batches.entries()) {
      const { exporter } = exporters[i % exporters.length] as (typeof exporters)[number]
      assert.deepEqual(await exporter.consume(batch as never), OK)
    }
    await waitFor('every batch', () => taken.length === batches.length)
    for (const [i, batch] of batches.entries()) {
      const back = taken[i] as FlowBatch
      const lines = (of: FlowBatch) =>
        Array.from({ length: of.rows }, (_, row) => JSON.parse(flowLog(of)(row)))
      assert.deepEqual(new Set(lines(back)), new Set(lines(batch)))
      // Its bytes of what is carried are in an order of its own.
      if (!batch.has('carried')) {
        const one = new FlowsEncoder('1').encode(batch)
        assert.deepEqual(new FlowsEncoder('1').encode(back).bytes, one.bytes)
        assert.equal(allCells(back).length, batch.rows)
      }
    }
    const [written] = await collector.waitFor('logs', (all) => all.length === batches.length)
    assert.deepEqual(
      plain(written),
      plain(decode(new FlowsEncoder('1').encode(batches[0] as FlowBatch))),
    )
  })
})

/** Without the version, and the fields that the Collector writes at their defaults. */
function plain(request: unknown): unknown {
  return JSON.parse(JSON.stringify(request), (key, value) => {
    if (key === 'body' && Object.keys(value).length === 0) return undefined
    if (key === 'scope') return { name: value.name }
    return value
  })
}
