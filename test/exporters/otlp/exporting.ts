/** The otlp exporter before a real gRPC server. */
import type { TestContext } from 'node:test'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlpExporter } from '../../../exporters/otlp/otlp_exporter.ts'
import type { Settings } from '../../../pipeline/component.ts'
import type { TestHost } from '../../pipeline/surroundings.ts'
import { decode } from '../../proto/otlp.ts'
import { type Running, running } from '../sending.ts'
import { type Answer, Backend } from './backend.ts'

/** An exporter that has been started; the backend too is closed when the test ends. */
export async function exporting(
  t: TestContext,
  backend: Backend | number,
  options: Record<string, unknown> = {},
  over: Partial<Settings> & { host?: TestHost } = {},
): Promise<Running> {
  const port = typeof backend === 'number' ? backend : backend.port
  const tls = { insecure: true }
  const config = schema.parse({ endpoint: `127.0.0.1:${port}`, tls, ...options })
  if (typeof backend !== 'number') t.after(() => backend.close())
  return await running(t, (settings) => otlpExporter('traces')(settings, config), over)
}

/** A backend whose answers wait until `open` is called. */
export async function gated(t: TestContext, answer: Answer = new Uint8Array(0)) {
  const backend = await new Backend().listen()
  t.after(() => backend.close())
  const { promise, resolve } = Promise.withResolvers<Answer>()
  backend.answer = () => promise
  return { backend, open: () => resolve(answer) }
}

/** The names of the spans in each request, in the order of arrival. */
export function namesIn(backend: Backend): string[][] {
  return backend.received.map(({ bytes }) => {
    const request = decode({ signal: 'traces', bytes, items: 0 })
    // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
    const spans = (scope: any) => scope.spans.map(({ name }: { name: string }) => name)
    // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
    return (request.resourceSpans ?? []).flatMap((r: any) => r.scopeSpans.flatMap(spans))
  })
}
