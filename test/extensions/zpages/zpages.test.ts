/** The pages of a real service with losses, a full queue and a backend that answers in HTML. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { waitFor } from '../../kit/processes.ts'
import { startService } from '../../kit/service.ts'

const SPANS = JSON.stringify({
  resourceSpans: [
    { scopeSpans: [{ spans: [{ name: 'x', traceId: '1'.repeat(32), spanId: '2'.repeat(16) }] }] },
  ],
})
const SCRIPT = '<script>alert(1)</script>'

/** One exporter's backend refuses for good, another's never answers. */
async function start(t: TestContext) {
  const backend = createServer((request, response) => {
    request.resume()
    if (request.url?.startsWith('/hang')) return
    response
      .writeHead(400, SCRIPT.replace(/[<>()/]/g, ''), { 'content-type': 'text/plain' })
      .end(SCRIPT)
  }).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.after(() => backend.close().closeAllConnections())
  const { port } = backend.address() as AddressInfo
  const running = await startService(
    t,
    `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
processors: { batch: { timeout: 0s } }
exporters:
  otlp_http/refused: { endpoint: "http://127.0.0.1:${port}/refuse" }
  otlp_http/hung:
    endpoint: http://127.0.0.1:${port}/hang
    sending_queue: { queue_size: 4, num_consumers: 1 }
extensions: { zpages: { endpoint: "127.0.0.1:0" } }
service:
  extensions: [zpages]
  shutdown_timeout: 1s
  telemetry: { metrics: { address: "127.0.0.1:0" } }
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlp_http/refused, otlp_http/hung] }
`,
  )
  const send = () =>
    fetch(`http://${running.address('receiver/otlp')}/v1/traces`, {
      method: 'POST',
      body: SPANS,
      headers: { 'content-type': 'application/json' },
    })
  const root = `http://${running.address('extension/zpages')}`
  return { ...running, send, root }
}

interface State {
  readonly kind: string
  readonly id: string
  readonly lost: Record<string, number>
  readonly queue?: { size: number; capacity: number }
  readonly status: { status: string; reason?: string }
  readonly in: number
}

test('the pipeline page shows each component, its queue, its losses and why', async (t) => {
  const { send, root } = await start(t)
  for (let i = 0; i < 4; i++) assert.equal((await send()).status, 200)
  const url = `${root}/debug/pipelinez?format=json`
  const components = await waitFor('the losses', async () => {
    const { pipelines } = (await (await fetch(url)).json()) as {
      pipelines: { id: string; components: State[] }[]
    }
    assert.equal(pipelines[0]?.id, 'traces')
    const all = pipelines[0]?.components ?? []
    return all.some(({ lost }) => lost.permanent === 4) ? all : undefined
  })
  assert.deepEqual(
    components.map(({ kind, id }) => `${kind}/${id}`),
    ['receiver/otlp', 'processor/batch', 'exporter/otlp_http/refused', 'exporter/otlp_http/hung'],
  )
  const [, , refused, hung] = components
  assert.equal(refused?.status.status, 'recoverable_error')
  assert.equal(hung?.queue?.capacity, 4)
  assert.ok((hung?.queue?.size ?? 0) > 0)

  const page = await fetch(`${root}/debug/pipelinez`)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  const text = await page.text()
  assert.match(text, /Data was lost/)
  assert.match(text, /exporter\/otlp_http\/refused \(traces\)<\/b> lost 4 permanent/)
  assert.match(text, /<tr class="loss">/)
  assert.match(text, /of 4<\/span>/)
  assert.doesNotMatch(text, /<script/)
})

test('every page is there, in HTML and JSON, and nothing else is', async (t) => {
  const { root } = await start(t)
  for (const name of ['servicez', 'pipelinez', 'extensionz', 'tracez']) {
    const page = await fetch(`${root}/debug/${name}`)
    const text = await page.text()
    assert.equal(page.status, 200)
    assert.match(text, new RegExp(`<a href="/debug/${name}" aria-current="page">`))
    const data = await (await fetch(`${root}/debug/${name}?format=json`)).json()
    assert.equal(typeof data, 'object')
  }
  assert.equal((await fetch(root)).url, `${root}/debug/pipelinez`)
  for (const path of ['/debug/featurez', '/debug/constructor', '/debug/__proto__', '/x']) {
    assert.equal((await fetch(`${root}${path}`)).status, 404, path)
  }
  const refreshing = await (await fetch(`${root}/debug/servicez?refresh=5`)).text()
  assert.match(refreshing, /http-equiv="refresh" content="5"/)
  const odd = await (await fetch(`${root}/debug/servicez?refresh=%22x`)).text()
  assert.doesNotMatch(odd, /http-equiv/)
})
