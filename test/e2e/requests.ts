/** What the clients of the end-to-end test send, and how often. */
import { join } from 'node:path'
import { type Finished, runInPod } from '../kit/pod_process.ts'
import type { Shop } from '../kit/shop.ts'

export type Family = 'ipv4' | 'ipv6'
export const FAMILIES = ['ipv4', 'ipv6'] as const

/** Ids as an application would put them on the wire. */
export const WIRE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
export const TRACEPARENT = `00-${WIRE.traceId}-${WIRE.spanId}-01`

/** One path; every request for it makes one trace of the same shape. */
export interface Sent {
  readonly client: 'curl' | 'client'
  readonly family: Family
  readonly path: string
  readonly count: number
  readonly status: number
  /** How many of the shop's services answer it: 3, or 2 when the api does not ask storage. */
  readonly depth: 2 | 3
  readonly headers?: readonly string[]
}

export const SENT: readonly Sent[] = FAMILIES.flatMap((family): Sent[] => {
  const ok = { family, status: 200, depth: 3 } as const
  return [
    // One connection a request, then all requests over one connection.
    { ...ok, client: 'curl', path: `/orders/once-${family}`, count: 3 },
    { ...ok, client: 'client', path: `/orders/kept-${family}`, count: 5 },
    // The api's connection to storage: one for each request.
    { ...ok, client: 'curl', path: `/orders/far-${family}/fresh`, count: 3 },
  ]
}).concat([
  { client: 'curl', family: 'ipv4', path: '/orders/missing', count: 1, status: 404, depth: 3 },
  { client: 'curl', family: 'ipv6', path: '/broken', count: 1, status: 500, depth: 2 },
  {
    client: 'curl',
    family: 'ipv4',
    path: '/orders/traced',
    count: 1,
    status: 200,
    depth: 3,
    headers: [`traceparent: ${TRACEPARENT}`],
  },
])

/** The path that the instrumented application asks for. */
export const SDK_PATH = '/orders/instrumented'

/** Ids of the span that the instrumented application has sent by itself. */
export interface SdkSpan {
  readonly status: number
  readonly traceId: string
  readonly spanId: string
}

const apps = join(import.meta.dirname, '../kit/apps')

/** Bytes of its connection as the client's socket counts them; curl does not tell. */
export interface Bytes {
  readonly sent: number
  readonly received: number
}

/** Sends one after the other; throws when an answer is not what it should be. */
export async function send(shop: Shop, sent: Sent): Promise<Bytes> {
  const url = shop.url(sent.family, sent.path)
  if (sent.client === 'client') return sendByClient(shop, sent, url)
  await sendByCurl(shop, sent, url)
  return { sent: 0, received: 0 }
}

async function sendByCurl(shop: Shop, sent: Sent, url: string): Promise<void> {
  const headers = (sent.headers ?? []).flatMap((header) => ['-H', header])
  const curl = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', ...headers, url]
  for (let i = 0; i < sent.count; i++) {
    const { stdout } = await runInPod(shop.client, curl)
    if (stdout !== String(sent.status)) throw new Error(`${url} was answered with ${stdout}`)
  }
}

async function sendByClient(shop: Shop, sent: Sent, url: string): Promise<Bytes> {
  const { stdout } = await node(shop, ['client.ts', String(sent.count), url])
  const { statuses, connections, bytes } = JSON.parse(stdout)
  if (connections !== 1 || statuses[sent.status] !== sent.count) {
    throw new Error(`${url} was answered with ${stdout}`)
  }
  return bytes
}

/** One request by the instrumented application; `socket` leads to the backend. */
export async function sendInstrumented(shop: Shop, socket: string): Promise<SdkSpan> {
  const { stdout } = await node(shop, ['sdk_client.ts', shop.url('ipv4', SDK_PATH), socket])
  return JSON.parse(stdout) as SdkSpan
}

function node(shop: Shop, [app, ...args]: [string, ...string[]]): Promise<Finished> {
  return runInPod(shop.client, [process.execPath, join(apps, app), ...args])
}
