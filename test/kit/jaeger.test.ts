import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { encode } from '../proto/otlp.ts'
import { skipWithoutGo } from './backends.ts'
import { type Jaeger, startJaeger } from './jaeger.ts'
import { exportOtlp } from './otlp_client.ts'

const skip = await skipWithoutGo()
const CLIENT = 3

/** A request with a root and its child of one service. */
function request(service: string, traceId: Buffer) {
  const start = BigInt(Date.now()) * 1_000_000n
  const span = (id: number, parent: number | undefined, name: string) => ({
    traceId,
    spanId: Buffer.alloc(8, id),
    ...(parent !== undefined && { parentSpanId: Buffer.alloc(8, parent) }),
    name,
    kind: CLIENT,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + 1_234_567n),
    attributes: [{ key: 'http.response.status_code', value: { intValue: 200 } }],
  })
  const attributes = [{ key: 'service.name', value: { stringValue: service } }]
  const spans = [span(1, undefined, 'root'), span(2, 1, 'child')]
  return encode('traces', {
    resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }],
  })
}

describe('a Jaeger', { skip }, () => {
  let jaeger: Jaeger
  before(async () => {
    jaeger = await startJaeger()
  })
  after(() => jaeger?.stop())

  test('takes spans over gRPC and gives them back', async () => {
    const id = randomBytes(16)
    await exportOtlp(jaeger.otlpGrpc, request('shop', id))
    const matches = ({ spans }: { spans: readonly unknown[] }) => spans.length === 2
    const trace = await jaeger.waitForTrace({ id: id.toString('hex'), matches })
    const child = trace.spans.find(({ operationName }) => operationName === 'child')
    assert.deepEqual(child?.references, [
      { refType: 'CHILD_OF', traceID: id.toString('hex'), spanID: '0101010101010101' },
    ])
    assert.equal(child?.duration, 1_234)
    const status = child?.tags.find(({ key }) => key === 'http.response.status_code')
    assert.equal(status?.value, 200)
    assert.equal(trace.processes[child?.processID as string]?.serviceName, 'shop')
    const otlp = await jaeger.otlpTrace(id.toString('hex'))
    const spans = otlp?.resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((s) => s.spans),
    )
    const exact = spans?.find(({ name }) => name === 'child')
    const nanoseconds = BigInt(exact?.endTimeUnixNano ?? 0) - BigInt(exact?.startTimeUnixNano ?? 0)
    assert.equal(nanoseconds, 1_234_567n)
  })

  test('finds the traces of a service', async () => {
    const ids = [randomBytes(16), randomBytes(16)]
    for (const id of ids) await exportOtlp(jaeger.otlpGrpc, request('cart', id))
    await jaeger.waitForTrace({ service: 'cart' })
    const found = (await jaeger.traces('cart')).map(({ traceID }) => traceID)
    assert.deepEqual(found.sort(), ids.map((id) => id.toString('hex')).sort())
    assert.ok((await jaeger.services()).includes('cart'))
    assert.deepEqual(await jaeger.traces('nobody'), [])
  })

  test('says that a trace did not come', async () => {
    const id = randomBytes(16).toString('hex')
    assert.equal(await jaeger.trace(id), undefined)
    assert.equal(await jaeger.otlpTrace(id), undefined)
    const wanted = jaeger.waitForTrace({ id, timeoutMs: 50 })
    await assert.rejects(wanted, new RegExp(`^Error: A trace of ${id} did not come; what came: `))
  })
})

test('a Jaeger listens where it is told, and ends', { skip }, async () => {
  const jaeger = await startJaeger({ host: '127.0.0.9' })
  assert.match(jaeger.otlpGrpc, /^127\.0\.0\.9:\d+$/)
  await exportOtlp(jaeger.otlpGrpc, request('shop', randomBytes(16)))
  await jaeger.waitForTrace({ service: 'shop' })
  await jaeger.stop()
  await jaeger.stop()
  await assert.rejects(jaeger.services())
})
