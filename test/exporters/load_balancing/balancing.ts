/** The exporter before real gRPC servers. */
import type { TestContext } from 'node:test'
import { schema } from '../../../exporters/load_balancing/config.ts'
import { loadBalancing } from '../../../exporters/load_balancing/index.ts'
import { LoadBalancer } from '../../../exporters/load_balancing/load_balancing_exporter.ts'
import type { ResolverSettings } from '../../../exporters/load_balancing/resolvers/resolver.ts'
import type { Exporter, ExporterFactory, Settings } from '../../../pipeline/component.ts'
import type { OtlpExporter } from '../../../pipeline/exporter/sending_exporter.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { decode, encode } from '../../proto/otlp.ts'
import { Backend } from '../otlp/backend.ts'
import { FAST_RETRY, type Running, running } from '../sending.ts'

export async function backends(t: TestContext, count: number): Promise<Backend[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new Backend().listen()))
  t.after(() => {
    for (const backend of made) backend.close()
  })
  return made
}

export const endpointOf = ({ port }: Backend): string => `127.0.0.1:${port}`

export const OTLP = {
  tls: { insecure: true },
  retry_on_failure: FAST_RETRY,
  compression: 'none',
}

export interface Balancing extends Running {
  /** What the resolver says, from now on. */
  readonly resolve: (backends: readonly Backend[]) => void
}

/** With a resolver that says what it is told. */
export async function balancing(
  t: TestContext,
  at: readonly Backend[],
  otlp: Record<string, unknown> = {},
): Promise<Balancing> {
  let of: ResolverSettings | undefined
  const resolve = (to: readonly Backend[]) => of?.resolved(to.map(endpointOf))
  const config = schema.parse({ protocol: { otlp: { ...OTLP, ...otlp } } })
  const made = await running(t, (settings) => {
    return new LoadBalancer(settings, config, {
      signal: 'traces',
      carries: 'traces',
      key: 'traceID',
      resolver: (given) => {
        of = given
        return { name: 'static', start: async () => resolve(at), stop: async () => {} }
      },
    })
  })
  return { ...made, resolve }
}

/** As a configuration makes it. */
export async function configured(
  t: TestContext,
  options: Record<string, unknown>,
  over: Partial<Settings> = {},
): Promise<Running> {
  const create = (loadBalancing as ExporterFactory).create.traces
  const config = schema.parse(options)
  const made: Exporter<'traces'>[] = []
  const settings: Settings[] = []
  const ran = await running(
    t,
    (given) => {
      settings.push(given)
      const later: OtlpExporter = {
        mutates: false,
        start: async (host) => {
          made.push((await create?.(given, config)) as Exporter<'traces'>)
          await made[0]?.start?.(host)
        },
        consume: (batch) => (made[0] as OtlpExporter).consume(batch),
        held: () => made[0]?.held?.() ?? 0,
        shutdown: async (deadline) => await made[0]?.shutdown?.(deadline),
      }
      return later
    },
    over,
  )
  return ran
}

/** A span of each trace, in the order given. */
export function traces(...ids: number[]): OtlpBatch {
  const spans = ids.map((id) => ({ traceId: traceId(id), name: `${id}` }))
  const batch = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] })
  return { ...batch, items: ids.length }
}

function traceId(id: number): Uint8Array {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(12, id)
  return bytes
}

/** The traces that came to a backend, in the order of arrival. */
export function tracesAt(backend: Backend): number[] {
  return backend.received.flatMap(({ bytes }) => {
    // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
    const spans = (scope: any) => scope.spans.map(({ name }: { name: string }) => Number(name))
    // biome-ignore lint/suspicious/noExplicitAny: plain objects of any request
    return decode({ signal: 'traces', bytes, items: 0 }).resourceSpans.flatMap((r: any) =>
      r.scopeSpans.flatMap(spans),
    )
  })
}
