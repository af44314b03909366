/** The kernel wakes a receiver that would sleep for an hour. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Program, waitFor } from '../../kit/processes.ts'
import { Capture, SKIP } from './capture.ts'

const SLEEPY = { interval_max: '1h', batch: { rows: 20, latency: '1h' } }
/** An eighth of it is some hundred records. */
const RING_BYTES = 1 << 18

describe('a ring that fills while the receiver sleeps', { skip: SKIP }, () => {
  let server: Server

  before(async () => {
    server = createServer((_, response) => response.end('well'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })

  after(() => server.close())

  const ask = (times: number, header: string) => {
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/[1-${times}]`
    return new Program(['curl', '-s', '-o', '/dev/null', '-H', header, url]).exited
  }

  for (const { ring, kind, options, header } of [
    {
      ring: 'of connections',
      kind: 'connection',
      options: { conn_ring_bytes: RING_BYTES, requests: { enabled: false } },
      header: 'Connection: close',
    },
    {
      ring: 'of payload',
      kind: 'exchange',
      options: { payload_ring_bytes: RING_BYTES },
      header: 'Connection: keep-alive',
    },
  ]) {
    test(`${ring} is looked at before it is full`, async () => {
      const capture = await Capture.start({ ...SLEEPY, ...options })
      assert.equal((await ask(400, header)).code, 0)
      await waitFor(`rows of kind ${kind}`, () => capture.rows.some((row) => row.kind === kind))
      await capture.stop()
      assert.deepEqual(capture.ledger.entry().lost, {})
    })
  }

  test('whoever waited has let go of its descriptors', async () => {
    const waiting = () =>
      readdirSync('/proc/self/fd').filter((fd) => targetOf(fd) === 'anon_inode:[eventfd]').length
    const [first, ...more] = [await Capture.start(), await Capture.start(), await Capture.start()]
    const most = waiting()
    await Promise.all([first, ...more].map((capture) => capture?.stop()))
    await waitFor('closed descriptors', () => waiting() <= most - 3)
  })
})

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}
