/**
 * `npm run demo`: three services that know nothing of flowspan, a few requests through them, and
 * the traces that flowspan makes of what the kernel saw.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Flowspan } from './kit/flowspan.ts'
import { runInPod } from './kit/pod_process.ts'
import { missingForShop } from './kit/requirements.ts'
import { Shop } from './kit/shop.ts'

const REQUESTS = [
  { family: 'ipv4', path: '/orders/7', what: 'an order, over IPv4' },
  { family: 'ipv6', path: '/orders/8', what: 'an order, over IPv6' },
  { family: 'ipv4', path: '/orders/missing', what: 'an order that storage does not have' },
] as const

/** Longer than a row may wait for its parent's (stitch: `window`). */
const LAST_TRACE_MS = 4_000

const CONFIG = {
  receivers: { ebpf: {} },
  processors: { k8s_attributes: { auth_type: 'none' }, stitch: {} },
  connectors: { flow_spans: {} },
  exporters: { debug: { verbosity: 'tree' } },
  service: {
    pipelines: {
      flows: {
        receivers: ['ebpf'],
        processors: ['k8s_attributes', 'stitch'],
        exporters: ['flow_spans'],
      },
      traces: { receivers: ['flow_spans'], exporters: ['debug'] },
    },
  },
}

async function main(): Promise<void> {
  const missing = missingForShop()
  if (missing) {
    console.error(`demo: ${missing}`)
    process.exitCode = 1
    return
  }
  step(1, 'starts three pods (network namespaces with addresses of their own) behind ClusterIPs')
  say('client ─▶ frontend (nginx) ─▶ api (Node) ─▶ storage (Python)')
  const shop = await Shop.start()
  try {
    await show(shop)
  } finally {
    await shop.close()
  }
}

async function show(shop: Shop): Promise<void> {
  step(2, 'starts flowspan: ebpf → k8s_attributes → stitch → flow_spans → debug')
  const flowspan = await Flowspan.start(() => CONFIG)
  try {
    step(3, 'sends requests; no service and no request carries a header for tracing')
    for (const { family, path, what } of REQUESTS) {
      const curl = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}']
      const { stdout, stderr } = await runInPod(shop.client, [...curl, shop.url(family, path)])
      say(`curl ${shop.url(family, path)}  ${stdout || stderr}   ${what}`)
    }
    await sendKept(shop)
    step(4, 'waits a moment for the traces, and ends flowspan')
    await sleep(LAST_TRACE_MS)
    await flowspan.stop()
  } finally {
    await flowspan.kill()
    flowspan.clean()
  }
  const lines = flowspan.log.flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
  console.log(`\n${shopTraces(lines).join('\n')}\n\n${WHAT_TO_SEE}`)
}

/** flowspan sees the whole host: the traces of whatever else runs here are not the shop's. */
function shopTraces(lines: readonly string[]): string[] {
  const traces = lines.join('\n').split(/^(?=trace )/m)
  return traces.filter((trace) => trace.includes('/orders/')).map((trace) => trace.trimEnd())
}

/** Three requests over one connection, by a client in Node. */
async function sendKept(shop: Shop): Promise<void> {
  const url = shop.url('ipv4', '/orders/9')
  const app = join(import.meta.dirname, 'kit/apps/client.ts')
  const { stdout } = await runInPod(shop.client, [process.execPath, app, '3', url])
  const { statuses } = JSON.parse(stdout)
  say(
    `client ${url}  ${Object.keys(statuses).join()}   the same order three times, over one connection`,
  )
}

const WHAT_TO_SEE = `What to look at:
- One tree a request: each line is a span, made of what one end of a connection saw in the kernel.
- CLIENT and SERVER of a request are joined by the initial sequence numbers of their connection,
  which no NAT changes: frontend, api and storage were reached through ClusterIPs and masquerade.
- A request that a service sends is below the one that made it do so: the same thread read the one
  and wrote the other.
- What the network cost: where api's CLIENT span lasts some 40 ms longer than storage's SERVER span
  below it, neither is slow. Storage writes head and body apart, Nagle's algorithm holds the body
  back until the head is acknowledged, and the kernel of api delays that acknowledgement.
Next: npm start traces this machine; README.md has the configuration.`

let begun = 0

function step(number: number, text: string): void {
  if (begun === 0) begun = performance.now()
  const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(4)
  console.log(`[${number}/4] ${seconds} s  ${text}`)
}

function say(text: string): void {
  console.log(`               ${text}`)
}

// `exit` removes the namespaces and ends flowspan, whatever this process is ended by.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
await main()
