import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK, permanent } from '../../../pipeline/outcome.ts'
import { balanceOf, booksOf } from '../../../pipeline/telemetry/books.ts'
import { exposition } from '../../../pipeline/telemetry/exposition.ts'
import { flows, Probes } from '../probes.ts'

const YAML = `
receivers: { probe: }
processors: { probe: }
exporters: { probe/a: , probe/b: }
service:
  pipelines:
    flows: { receivers: [probe], processors: [probe], exporters: [probe/a, probe/b] }
`

async function busy() {
  const probes = new Probes()
  const graph = await probes.build(YAML)
  assert.equal(probes.give('probe', flows(3)), OK)
  probes.answers.set('probe/b', () => permanent('no'))
  assert.equal(probes.give('probe', flows(2)), OK)
  return booksOf(graph.nodes)
}

test('every sample has a family that says what it is, and families are whole', async () => {
  const families = new Set<string>()
  let current = ''
  for (const line of exposition(await busy())
    .trimEnd()
    .split('\n')) {
    const [, type, name] = /^# (HELP|TYPE) (\S+) /.exec(line) ?? []
    if (type === 'HELP') {
      assert.ok(!families.has(name as string), `${name} comes twice`)
      families.add(name as string)
      current = name as string
    } else if (type === undefined) {
      assert.match(line, /^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[\d.e+-]+$/)
      assert.equal(line.split(/[{ ]/)[0], current)
    }
  }
})

test('the names are those that dashboards know', async () => {
  const text = exposition(await busy())
  const values = [
    'otelcol_receiver_accepted_flows{receiver="probe",transport=""} 5',
    'otelcol_receiver_refused_flows{receiver="probe",transport=""} 0',
    'otelcol_processor_incoming_items{processor="probe",otel_signal="flows",pipeline="flows"} 5',
    'otelcol_processor_outgoing_items{processor="probe",otel_signal="flows",pipeline="flows"} 5',
    'otelcol_exporter_sent_flows{exporter="probe/a"} 5',
    'otelcol_exporter_sent_flows{exporter="probe/b"} 3',
    'otelcol_exporter_send_failed_flows{exporter="probe/b"} 2',
  ]
  for (const line of values) assert.ok(text.includes(`\n${line}\n`), `${line}\n\n${text}`)
  assert.match(text, /^otelcol_process_uptime \d/m)
})

test('each loss is there with its reason', async () => {
  const labels = 'kind="exporter",component="probe/b",signal="flows",flow="lost",reason="refused"'
  assert.ok(exposition(await busy()).includes(`flowspan_component_items{${labels}} 2\n`))
})

test('the balance names components by kind and id, and says what does not add up', async () => {
  const balance = balanceOf(await busy())
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
