/** A whole service with the receiver in it, reloaded while applications connect all the time. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { otlpReceiver } from '../../../receivers/otlp/index.ts'
import { freePorts } from '../../kit/ports.ts'
import { Running } from '../../pipeline/reload/running.ts'
import { encode } from '../../proto/otlp.ts'

const RELOADS = 20
const CLIENTS = 4
const SPANS = 3
const { bytes } = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: SPANS }, () => ({})) }] }],
})

/** The `n`th configuration: another receiver each time, and another exporter. */
function yaml(n: number, port: number): string {
  return `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}", max_request_body_size: ${90_000 + n} } } }
exporters: { probe: { value: ${n} } }
service:
  shutdown_timeout: 5s
  pipelines: { traces: { receivers: [otlp], exporters: [probe] } }`
}

/** A request over a connection of its own; rejects when that is refused or broken off. */
function post(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', connection: 'close' }
    const options = { host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers }
    request({ ...options, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
      .on('error', reject)
      .end(bytes)
  })
}

test(`${RELOADS} reloads: no connection is refused, no span is lost or there twice`, async () => {
  const [port] = (await freePorts(1)) as [number]
  const running = await Running.start(yaml(0, port), [otlpReceiver])
  let isOver = false
  let answered = 0
  const client = async () => {
    while (!isOver) {
      assert.equal(await post(port), 200)
      answered++
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  for (let n = 1; n <= RELOADS; n++) {
    const before = answered
    if (n % 3 === 0) {
      running.probes.failing.add('start exporter/probe')
      await assert.rejects(running.reload(yaml(n + 1, port)), /start fails/)
      running.probes.failing.clear()
    } else await running.reload(yaml(n, port))
    // Some of each configuration.
    while (answered < before + 2 * CLIENTS) await new Promise(setImmediate)
  }
  isOver = true
  await clients
  assert.equal(await running.service.shutdown(), true)
  assert.deepEqual(running.book('exporter/probe').used, { sent: SPANS * answered })
  assert.equal(running.book('receiver/otlp').out, SPANS * answered)
  assert.deepEqual(running.book('receiver/otlp').lost, {})
})
