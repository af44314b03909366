/**
 * The keeper with exactly the capabilities that docs/SECURITY.md names, and with one of them
 * missing. Never with CAP_SYS_ADMIN.
 */
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { sockets } from '../bpf/kernel.ts'
import { Flowspan } from '../kit/flowspan.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const hex = (text: string) => Buffer.from(text).toString('hex')
const GET = hex('GET /least HTTP/1.1\r\nHost: x\r\n\r\n')
const OK = hex('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

/** What a connection with requests needs; UDP needs one more. */
const CAPTURE = ['bpf', 'perfmon']
const UDP = [...CAPTURE, 'net_admin']
/** What a keeper that is root needs beside, to make its child nobody and to end it. */
const ROOT = ['setuid', 'setgid', 'kill']

/** Arguments of setpriv: this user with these capabilities, and no way to others. */
function privileges(uid: number, capabilities: readonly string[]): string[] {
  const only = ['-all', ...capabilities.map((name) => `+${name}`)].join()
  const ambient = uid === 0 ? [] : ['--ambient-caps', only]
  const user = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
  return [...user, '--bounding-set', only, '--inh-caps', only, ...ambient]
}

function start(udp: boolean, as: string[]): Promise<Flowspan> {
  const config = (directory: string) => ({
    receivers: { ebpf: { udp: { enabled: udp } } },
    exporters: { file: { path: join(directory, 'rows') } },
    service: { pipelines: { flows: { receivers: ['ebpf'], exporters: ['file'] } } },
  })
  return Flowspan.start(config, { privileges: as })
}

/** Runs until an exchange was captured; ended by its own user's means alone. */
async function captures(udp: boolean, as: string[]): Promise<void> {
  const flowspan = await start(udp, as)
  try {
    await sockets('messages', { options: { up: GET, down: OK } })
    const isIt = (row: { target?: unknown }) => row.target === '/least'
    await waitFor('an exchange', () => flowspan.rows('rows').find(isIt))
    const lacking = flowspan.log.filter(({ msg }) => msg?.startsWith('Not capturing'))
    assert.deepEqual(udp ? lacking : [], [])
    const balance = await flowspan.stop()
    assert.deepEqual([balance.lost, balance.unaccounted], [0, 0])
  } finally {
    await flowspan.kill()
    chmodSync(flowspan.directory, 0o755)
    flowspan.clean()
  }
}

suite('least privilege', options, () => {
  test('CAP_BPF and CAP_PERFMON are enough for a keeper that is not root', async () => {
    await captures(false, privileges(1000, CAPTURE))
  })

  test('with CAP_NET_ADMIN it sees UDP and DNS too', async () => {
    await captures(true, privileges(1000, UDP))
  })

  test('a keeper that is root needs three more, to make its child nobody and to end it', async () => {
    await captures(true, privileges(0, [...UDP, ...ROOT]))
  })

  for (const missing of CAPTURE) {
    test(`without CAP_${missing.toUpperCase()} it says so and does not start`, async () => {
      const others = UDP.filter((name) => name !== missing)
      await assert.rejects(start(true, privileges(1000, others)), (error: Error) => {
        assert.match(error.message, new RegExp(`CAP_${missing.toUpperCase()} is missing`))
        return true
      })
    })
  }
})
