/** A child without any capability reads the rings; the next one goes on where it stopped. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { Want } from '../../pipeline/kernel_events/events.gen.ts'
import { openKernel } from '../../receivers/ebpf/keeper.ts'
import { map, pageBytes } from '../../receivers/ebpf/memory.ts'
import { slotOf } from '../../receivers/ebpf/slots.ts'
import { CONFIG, SKIP, settings, sockets } from './kernel.ts'

const READER = join(import.meta.dirname, 'unprivileged_reader.ts')
const NOBODY = 65_534
const GET = Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')

suite('a child without privileges', { skip: SKIP }, () => {
  test('reads every record, and its successor none of them again', async () => {
    const privileged = await openKernel(CONFIG, settings)
    try {
      const first = await readWhile(privileged.fds, async () => {
        await sockets('messages', { options: { up: GET, down: GET } })
      })
      assert.equal(first.uid, NOBODY)
      assert.equal(first.capabilities, '0000000000000000')
      assert.ok(first.records >= 4 && first.pieces >= 4)
      assert.deepEqual(said(privileged.fds[3] as number), [2n ** 64n - 1n, 2n ** 64n - 1n])
      // Other programs of this host may connect between the two readings.
      assertClose(first.records, first.events)
      assertClose(first.pieces, first.payloadEvents)

      await sockets('messages', { options: { up: GET, down: GET } })
      const second = await readWhile(privileged.fds, async () => {})
      assert.ok(second.records >= 4 && second.pieces >= 4)
      assertClose(first.records + second.records, second.events)
    } finally {
      privileged.close()
    }
  })
})

/** From where bytes of connection 1 are wanted. */
function said(fd: number): bigint[] {
  const mapping = map(fd, { offset: 0, bytes: pageBytes(), writable: false })
  const { from } = Want
  const view = new DataView(mapping.buffer, slotOf(1) * Want.size)
  const positions = [from, from + 8].map((at) => view.getBigUint64(at, true))
  mapping.unmap()
  return positions
}

/** No event is missing; a few may be newer than the counter's reading. */
function assertClose(records: number, events: number): void {
  assert.ok(records >= events && records <= events + 20, `${records} records of ${events} events`)
}

interface Seen {
  readonly uid: number
  readonly capabilities: string
  readonly records: number
  readonly pieces: number
  readonly events: number
  readonly payloadEvents: number
}

async function readWhile(fds: readonly number[], act: () => Promise<void>): Promise<Seen> {
  const drop = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', '--']
  const sizes = [CONFIG.connRingBytes, CONFIG.payloadRingBytes].map(String)
  const child = spawn('setpriv', [...drop, process.execPath, READER, ...sizes], {
    stdio: ['pipe', 'pipe', 'inherit', ...fds],
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  while (!output.includes('ready')) await once(child.stdout as NodeJS.EventEmitter, 'data')
  await act()
  child.stdin?.end()
  await once(child, 'close')
  return JSON.parse(output.replace('ready\n', '')) as Seen
}
