/**
 * What it costs to give the resources of traces their pod's attributes: bytes spliced in, next to
 * decoding the request, setting the same attributes and encoding it again with protobufjs.
 *
 * A span has 10 attributes, a resource 6, and gets 8 more. Each figure is the best of several
 * rounds; the two take turns within a round.
 */
import { TracesWriter } from '../pipeline/otlp/traces_writer.ts'
import { OK } from '../pipeline/outcome.ts'
import { Catalog } from '../processors/k8s_attributes/catalog.ts'
import { Cluster } from '../processors/k8s_attributes/cluster.ts'
import { configSchema } from '../processors/k8s_attributes/config.ts'
import { Extraction } from '../processors/k8s_attributes/extraction.ts'
import { OtlpK8sAttributes } from '../processors/k8s_attributes/otlp.ts'
import { sinksOf } from '../processors/k8s_attributes/resources.ts'
import { settingsOf } from '../test/pipeline/surroundings.ts'
import { requestType } from '../test/proto/otlp.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 15
const REQUESTS = 20
const SPANS = 1000

const config = configSchema.parse({})
const cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: false })
const extraction = new Extraction(config.extract)
const catalog = new Catalog({ extraction, cluster, graceMs: 120_000 })
const sinks = sinksOf(cluster, catalog)

function addPod(i: number): void {
  const ip = `10.1.${i >> 8}.${i & 0xff}`
  sinks.pods.upsert({
    metadata: {
      uid: `0d8b2f5e-1111-4a4a-9a9a-${String(i).padStart(12, '0')}`,
      name: `web-5d8f7c9b4-${i}`,
      namespace: 'shop',
      labels: { 'pod-template-hash': '5d8f7c9b4' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5d8f7c9b4', uid: 'r', controller: true }],
    },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'registry.local/web:1.2.3' }] },
    status: { podIP: ip, podIPs: [{ ip }], startTime: '2026-01-01T00:00:00Z' },
  })
}

function request(resources: number): Uint8Array {
  const writer = new TracesWriter()
  for (let i = 0; i < SPANS; i++) {
    if (i % (SPANS / resources) === 0) {
      writer.beginResource()
      writer.attrString('service.name', 'web')
      writer.attrString('k8s.pod.ip', `10.1.0.${(i / (SPANS / resources)) % 200}`)
      writer.attrString('telemetry.sdk.language', 'nodejs')
      writer.attrString('telemetry.sdk.name', 'opentelemetry')
      writer.attrString('telemetry.sdk.version', '2.1.0')
      writer.attrString('process.runtime.version', '24.0.0')
      writer.beginScope('http', '1')
    }
    writer.beginSpan()
    writer.name('GET')
    for (let k = 0; k < 10; k++) writer.attrString(`attribute.number.${k}`, 'a value of a span')
  }
  return writer.finish().bytes
}

const type = requestType('traces')
const ADDED = Array.from({ length: 8 }, (_, i) => ({
  key: `k8s.attribute.${i}`,
  value: { stringValue: 'web-5d8f7c9b4-x2x7k' },
}))

function byObjects(bytes: Uint8Array): number {
  const decoded = type.decode(bytes) as unknown as {
    resourceSpans: { resource: { attributes: unknown[] } }[]
  }
  for (const { resource } of decoded.resourceSpans) {
    const known = new Set((resource.attributes as { key: string }[]).map(({ key }) => key))
    for (const one of ADDED) if (!known.has(one.key)) resource.attributes.push(one)
  }
  return type.encode(type.fromObject(decoded)).finish().length
}

function microseconds(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

for (let i = 0; i < 200; i++) addPod(i)
let out = 0
const next = {
  mutates: false,
  consume(batch: { bytes: Uint8Array }) {
    out += batch.bytes.length
    return OK
  },
}
const watch = { start: () => {}, settled: async () => {}, stop: async () => {}, seesPods: true }
const { ledger } = settingsOf()
const processor = new OtlpK8sAttributes({
  config,
  ledger,
  next,
  cluster: { cluster, catalog, watch },
})

console.log(describeMachine())
for (const resources of [1, 20, 200]) {
  const bytes = request(resources)
  const best = { splice: Number.POSITIVE_INFINITY, objects: Number.POSITIVE_INFINITY }
  for (let round = 0; round < ROUNDS; round++) {
    const splice = microseconds(() => {
      for (let i = 0; i < REQUESTS; i++)
        processor.consume({ signal: 'traces', bytes, items: SPANS })
    })
    const objects = microseconds(() => {
      for (let i = 0; i < REQUESTS; i++) out += byObjects(bytes)
    })
    best.splice = Math.min(best.splice, splice)
    best.objects = Math.min(best.objects, objects)
  }
  if ([...ledger.notes].length > 0) throw new Error('A resource has no pod')
  const each = (us: number) => ((us / REQUESTS / SPANS) * 1000).toFixed(0).padStart(6)
  console.log(
    `${SPANS} spans of ${String(resources).padStart(3)} resources: spliced ${each(best.splice)} ` +
      `ns a span, decoded and encoded ${each(best.objects)} ns, ` +
      `${(best.objects / best.splice).toFixed(0)} times as much`,
  )
}
if (out === 0) throw new Error('Nothing came out')
