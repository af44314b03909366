/** The receiver in a service whose configuration is exchanged while clients are connected. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { nopExporter } from '../../../exporters/nop/index.ts'
import { bearerTokenAuth } from '../../../extensions/bearertokenauth/index.ts'
import { Factories } from '../../../pipeline/config/factories.ts'
import { loadConfig } from '../../../pipeline/config/load.ts'
import { Service } from '../../../pipeline/service.ts'
import { balanceOf, booksOf } from '../../../pipeline/telemetry/books.ts'
import { otlpReceiver } from '../../../receivers/otlp/index.ts'
import { freePorts } from '../../kit/ports.ts'
import { encode } from '../../proto/otlp.ts'
import { frame, METRICS, RawGrpc } from './raw_grpc.ts'

const factories = new Factories([otlpReceiver, nopExporter, bearerTokenAuth])
const logger = pino({ level: 'silent' })

const traces = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] }).bytes
const metrics = encode('metrics', {
  resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [{}] } }] }] }],
}).bytes

interface Wanted {
  readonly signals: readonly string[]
  readonly grpc?: object
  readonly extensions?: Readonly<Record<string, object>>
}

async function serve(t: TestContext, first: Wanted) {
  const [port] = await freePorts(1)
  const address = `127.0.0.1:${port}`
  const configOf = ({ signals, grpc, extensions = {} }: Wanted) => {
    const pipelines = signals.map((signal) => [signal, { receivers: ['otlp'], exporters: ['nop'] }])
    const text = JSON.stringify({
      receivers: { otlp: { protocols: { grpc: { endpoint: address, ...grpc } } } },
      exporters: { nop: {} },
      extensions,
      service: {
        extensions: Object.keys(extensions),
        telemetry: { metrics: { level: 'none' } },
        pipelines: Object.fromEntries(pipelines),
      },
    })
    return loadConfig({ name: 'test.yaml', text }, { factories, env: {} })
  }
  const settings = { logger, version: '0', inherited: () => undefined }
  const service = await Service.build(configOf(first), settings)
  await service.start()
  t.after(() => service.shutdown())
  const reload = async (wanted: Wanted) => {
    await service.reload(configOf(wanted))
    await service.left()
  }
  return { service, address, reload }
}

function clientOf(t: TestContext, address: string) {
  const client = new RawGrpc(t, address)
  let isGone = false
  client.session.once('goaway', () => {
    isGone = true
  })
  const code = async (asked: Parameters<RawGrpc['call']>[0]) => (await client.call(asked)).code
  return {
    traces: (headers = {}) => code({ headers, body: [frame(traces)] }),
    metrics: () => code({ headers: { ':path': METRICS }, body: [frame(metrics)] }),
    isGone: () => isGone,
  }
}

test('a pipeline that a reload adds is fed by the servers that run, one that goes is not', async (t) => {
  const { service, address, reload } = await serve(t, { signals: ['traces'] })
  const client = clientOf(t, address)
  assert.deepEqual([await client.traces(), await client.metrics()], [0, 12])
  await reload({ signals: ['traces', 'metrics'] })
  assert.deepEqual([await client.traces(), await client.metrics()], [0, 0])
  const other = clientOf(t, address)
  assert.deepEqual([await other.traces(), await other.metrics()], [0, 0])
  await reload({ signals: ['metrics'] })
  assert.deepEqual([await client.traces(), await client.metrics()], [12, 0])
  assert.equal(client.isGone(), false)
  const { lost, held, unaccounted, components } = balanceOf(booksOf(service.accounts))
  assert.deepEqual([lost, held, unaccounted], [0, 0, 0])
  const taken = Object.entries(components).filter(([name]) => name.startsWith('receiver/'))
  assert.equal(
    taken.reduce((sum, [, entry]) => sum + entry.out, 0),
    6,
  )
})

test('another configuration has servers of its own, and a reload that fails changes nothing', async (t) => {
  const { address, reload } = await serve(t, { signals: ['traces', 'metrics'] })
  const client = clientOf(t, address)
  assert.equal(await client.traces(), 0)
  await assert.rejects(
    reload({ signals: ['traces'], grpc: { auth: { authenticator: 'bearertokenauth' } } }),
    /extension "bearertokenauth" is not running/,
  )
  assert.deepEqual([await client.traces(), await client.metrics()], [0, 0])
  await reload({ signals: ['traces'], grpc: { max_recv_msg_size_mib: 1 } })
  assert.equal(client.isGone(), true)
  const other = clientOf(t, address)
  assert.deepEqual([await other.traces(), await other.metrics()], [0, 12])
})

test('an authenticator that a reload replaces judges with what it knows now', async (t) => {
  const grpc = { auth: { authenticator: 'bearertokenauth' } }
  const withToken = (token: string) => ({
    signals: ['traces'],
    grpc,
    extensions: { bearertokenauth: { token } },
  })
  const { address, reload } = await serve(t, withToken('one'))
  const client = clientOf(t, address)
  const call = (token: string) => client.traces({ authorization: `Bearer ${token}` })
  assert.deepEqual([await call('one'), await call('two')], [0, 16])
  await reload(withToken('two'))
  const young = clientOf(t, address)
  const again = (token: string) => young.traces({ authorization: `Bearer ${token}` })
  assert.deepEqual([await again('one'), await again('two')], [16, 0])
})
