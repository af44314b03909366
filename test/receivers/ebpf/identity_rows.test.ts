/** Rows say in which container, pod and unit their process was, and what it runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cgroups, missingCgroups } from '../../kit/cgroups.ts'
import { freePorts } from '../../kit/ports.ts'
import { Program, waitFor } from '../../kit/processes.ts'
import { skipUnless } from '../../kit/requirements.ts'
import { Capture } from './capture.ts'
import type { Row } from './script.ts'

const ID = 'd'.repeat(64)
const UID = '019c1fe8-0d92-4aa0-b61c-4df58bdde71c'
const POD = `kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`
const NAMES = ['executable', 'container_id', 'pod_uid', 'systemd_unit'] as const

test('rows of both kinds have container, pod, unit and program of their own end', {
  skip: skipUnless(missingCgroups('v2')),
}, async (t) => {
  const cgroups = new Cgroups()
  const capture = await Capture.start()
  t.after(async () => {
    await capture.stop()
    await cgroups.remove()
  })
  const container = cgroups.make(`${POD}/cri-containerd-${ID}.scope`)
  const unit = cgroups.make('system.slice/shopping.service')
  const [port] = (await freePorts(1)) as [number]
  const words = ['python3', '-m', 'http.server', String(port), '--bind', '127.0.0.1']
  const server = new Program(container.command(words))
  await server.listens({ host: '127.0.0.1', port })
  const client = new Program(unit.command(['curl', '-s', `http://127.0.0.1:${port}/package.json`]))
  assert.equal((await client.exited).code, 0)
  const rows = await waitFor('The rows of curl’s request', () => {
    const ended = capture.rows.filter((row) => isOf(row, client.pid, port))
    return ended.length >= 4 ? ended : undefined
  })
  for (const row of rows) {
    const { executable, ...place } = Object.fromEntries(NAMES.map((name) => [name, row[name]]))
    const isClient = row.role === 'client'
    assert.match(String(executable), isClient ? /^\/.*\/curl$/ : /^\/.*\/python3[.\d]*$/)
    const own = isClient
      ? { container_id: '', pod_uid: '', systemd_unit: 'shopping.service' }
      : { container_id: ID, pod_uid: UID, systemd_unit: '' }
    assert.deepEqual(place, own, `${row.kind} ${row.role}`)
  }
  await server.stop()
  await waitFor('A balance', () => {
    const { ledger } = capture
    return ledger.in === ledger.out + capture.held() + sumOf(ledger)
  })
})

/** Both ends of the connection, and of the exchange on it. */
function isOf(row: Row, pid: number, port: number): boolean {
  return (
    row.state === 'closed' && row.dst_port === port && (row.role === 'server' || row.pid === pid)
  )
}

function sumOf(ledger: Capture['ledger']): number {
  const { used, lost } = ledger.entry()
  return [...Object.values(used), ...Object.values(lost)].reduce((a, b) => a + b, 0)
}
