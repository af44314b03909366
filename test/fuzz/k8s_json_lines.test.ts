import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonLines } from '../../pipeline/kubernetes/json_lines.ts'
import { Cluster } from '../../processors/k8s_attributes/cluster.ts'
import { RESOURCES, type ResourceName, sinksOf } from '../../processors/k8s_attributes/resources.ts'

/** Pushes `bytes` in chunks that end at `cuts`. */
function pushCut(lines: JsonLines, bytes: Buffer, cuts: readonly number[]): unknown[] {
  const values: unknown[] = []
  const ends = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const to of [...ends, bytes.length]) {
    lines.push(bytes.subarray(from, to), (value) => values.push(value))
    from = to
  }
  return values
}

test('a stream of JSON lines gives the same values however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.boolean(),
      (values, cuts, blank) => {
        const separator = blank ? '\r\n\n' : '\n'
        const text = values.map((v) => JSON.stringify(v) + separator).join('')
        const lines = new JsonLines(1 << 20)
        const got = pushCut(lines, Buffer.from(text), cuts)
        assert.deepEqual(got, JSON.parse(`[${values.map((v) => JSON.stringify(v)).join()}]`))
        assert.equal(lines.pending, 0)
      },
    ),
    { numRuns: 500 },
  )
})

test('hostile bytes end in a SyntaxError or a RangeError, and never exceed the bound', () => {
  const max = 64
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .constantFrom('{"a":1}\n', '{"type":"ADDED"', '\n', '\u{1f600}', ']\n')
      .map((s) => Buffer.from(s)),
  )
  let refused = 0
  let accepted = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const lines = new JsonLines(max)
      try {
        for (const chunk of pieces) {
          lines.push(Buffer.from(chunk), () => {})
          assert.ok(lines.pending <= max)
        }
        accepted++
      } catch (error) {
        assert.ok(error instanceof SyntaxError || error instanceof RangeError, String(error))
        refused++
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(refused > 50 && accepted > 50, `${refused} refused, ${accepted} accepted`)
})

test('a line of exactly the bound is accepted, one byte more is not', () => {
  const line = Buffer.from(`"${'x'.repeat(8)}"`)
  for (const cut of [1, 5, 10]) {
    const values: unknown[] = []
    const lines = new JsonLines(10)
    lines.push(line.subarray(0, cut), (v) => values.push(v))
    lines.push(Buffer.concat([line.subarray(cut), Buffer.from('\n')]), (v) => values.push(v))
    assert.deepEqual(values, ['xxxxxxxx'])
    assert.throws(() => pushCut(new JsonLines(9), line, [cut]), RangeError)
  }
})

/** Objects with the API's keys in the right places, and anything at all in the wrong ones. */
function objects(): fc.Arbitrary<unknown> {
  const leaf = fc.oneof(
    fc.constantFrom('10.1.0.7', 'fd00::7', 'u1', 'u2', 'None', '2026-01-01T00:00:00Z', 'Pod'),
    fc.string(),
    fc.integer(),
    fc.constantFrom(null, true, Number.NaN, Number.POSITIVE_INFINITY),
  )
  const any = fc.oneof({ weight: 3, arbitrary: leaf }, fc.anything({ maxDepth: 2 }))
  const list = (item: fc.Arbitrary<unknown>) => fc.oneof(fc.array(item, { maxLength: 4 }), any)
  const record = (keys: Record<string, fc.Arbitrary<unknown>>) =>
    fc.oneof(fc.record(keys, { requiredKeys: [] }), any)
  const owner = record({ kind: any, name: any, uid: any, controller: fc.constant(true) })
  const target = record({ kind: fc.constantFrom('Pod', 'Node'), uid: any, name: any })
  return fc.record({
    metadata: record({
      uid: fc.constantFrom('u1', 'u2', 'u3'),
      name: any,
      namespace: any,
      labels: record({ 'kubernetes.io/service-name': any, 'pod-template-hash': any }),
      ownerReferences: list(owner),
      deletionTimestamp: any,
    }),
    spec: record({
      nodeName: any,
      clusterIP: any,
      clusterIPs: list(any),
      hostNetwork: any,
      ports: list(record({ port: any, nodePort: any })),
    }),
    status: record({
      phase: fc.constantFrom('Running', 'Succeeded', 'Failed', 7),
      podIPs: list(record({ ip: any })),
      startTime: any,
      addresses: list(record({ type: fc.constant('InternalIP'), address: any })),
      containerStatuses: list(record({ state: any })),
    }),
    endpoints: list(record({ addresses: list(any), targetRef: target })),
  })
}

test('objects of any shape go into the cluster and out again without a trace', () => {
  const name = fc.constantFrom(...(Object.keys(RESOURCES) as ResourceName[]))
  let kept = 0
  fc.assert(
    fc.property(fc.array(fc.tuple(name, objects()), { maxLength: 12 }), (all) => {
      let now = 1_767_225_600_000
      const cluster = new Cluster({ podDeleteGraceMs: 0, wellKnownLabels: true, now: () => now })
      const sinks = sinksOf(cluster)
      for (const [resource, object] of all) {
        now += 1000
        sinks[resource].upsert(object)
      }
      const address = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 0, 7])
      const found = cluster.pods.at(address, 0, now)
      if (found !== undefined) cluster.endOfPod(found)
      const service = cluster.service(address, 0, 80)
      if (service !== undefined) cluster.endOfService(service.service)
      kept += cluster.pods.size + cluster.services.size
      for (const sink of Object.values(sinks)) {
        for (const uid of [...sink.uids()]) sink.remove(uid)
      }
      now += 1
      cluster.pods.sweep()
      assert.equal(cluster.pods.size + cluster.services.size + cluster.services.slices, 0)
      assert.equal(cluster.pods.addresses, 0)
      assert.equal(cluster.pods.at(address, 0, now), undefined)
      assert.equal(cluster.service(address, 0, 80), undefined)
      assert.equal(cluster.node(address, 0), undefined)
    }),
    { numRuns: 1500 },
  )
  assert.ok(kept > 500, `${kept} objects were kept on the way`)
})
