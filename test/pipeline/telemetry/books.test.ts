import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK, permanent } from '../../../pipeline/outcome.ts'
import { balanceOf, booksOf } from '../../../pipeline/telemetry/books.ts'
import { flows, Probes } from '../probes.ts'

const YAML = `
receivers: { probe: }
exporters: { probe/a: , probe/b: }
service:
  pipelines: { flows: { receivers: [probe], exporters: [probe/a, probe/b] } }
`

test('the balance names components by kind and id, and says what does not add up', async () => {
  const probes = new Probes()
  const graph = await probes.build(YAML)
  assert.equal(probes.give('probe', flows(3)), OK)
  probes.answers.set('probe/b', () => permanent('no'))
  assert.equal(probes.give('probe', flows(2)), OK)
  const balance = balanceOf(booksOf(graph.nodes))
  assert.deepEqual(balance.components['exporter/probe/b'], {
    in: 5,
    out: 0,
    used: { sent: 3 },
    lost: { refused: 2 },
    held: 0,
    notes: { refused: 2 },
  })
  assert.equal(balance.lost, 2)
  // The probe receiver gives five rows that it never said it took.
  assert.equal(balance.components['receiver/probe']?.unaccounted, -5)
  assert.equal(balance.unaccounted, 5)
})
