/** Real processes, killed at any moment, over and over on one directory. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { useDirectory } from '../../../pipeline/storage/directory.ts'
import { wholeLines } from '../../kit/lines.ts'
import { temporaryDirectory } from '../../kit/processes.ts'

const WORKER = join(import.meta.dirname, 'worker.ts')
const KILLS = 60
/** What can be out at a kill: leases of consumers and stuck ones, and as much just done. */
const REPEATS_PER_KILL = 2 * (4 + 2)

/** What a worker said until it was killed, `ms` after it was ready or, now and then, before. */
async function runWorker(directory: string, run: string): Promise<string[]> {
  const command = [process.execPath, WORKER, directory, run]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const { promise: isReady, resolve } = Promise.withResolvers<void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.startsWith('ready')) resolve()
  })
  const closed = once(child, 'close')
  await Promise.race([isReady, closed])
  await sleep(Math.random() * 80)
  child.kill('SIGKILL')
  const [code] = await closed
  assert.equal(code, null, `run ${run} was to be killed, and ended by itself`)
  // The last line may be cut off.
  return wholeLines(output)
}

test(`killed ${KILLS} times, everything that was accepted is delivered`, async () => {
  const path = temporaryDirectory('storage')
  const accepted = new Set<string>()
  const delivered = new Map<string, number>()
  const note = (line: string) => {
    const [what, id = ''] = line.split(' ')
    if (what === 'accepted') accepted.add(id)
    if (what === 'delivered') delivered.set(id, (delivered.get(id) ?? 0) + 1)
  }
  for (let run = 0; run < KILLS; run++) {
    // Every other waits for the disk.
    for (const line of await runWorker(path, `${run}${run % 2 === 0 ? '' : 's'}`)) note(line)
  }
  const limits = { maxBytes: 2 ** 20, segmentBytes: 2 ** 14, fsync: false }
  const logger = pino({ level: 'silent' })
  const directory = await useDirectory({ path, limits, timeoutMs: 1000, logger })
  const queue = await directory.queue('exporter/otlp/traces')
  for (let lease = await queue.lease(); lease !== undefined; lease = await queue.lease()) {
    note(`delivered ${Buffer.from(lease.bytes).toString().split(' ')[0]}`)
    lease.done()
  }
  const { records, bytes } = directory.damage
  await queue.close()
  await directory.leave()
  assert.deepEqual(
    [...accepted].filter((id) => !delivered.has(id)),
    [],
  )
  assert.deepEqual([records, bytes], [0, 0], 'nothing is damaged by a kill')
  assert.ok(accepted.size > KILLS * 10, `${accepted.size} accepted`)
  let repeats = 0
  for (const times of delivered.values()) repeats += times - 1
  assert.ok(repeats <= KILLS * REPEATS_PER_KILL, `${repeats} repeats`)
})
