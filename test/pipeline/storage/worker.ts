/**
 * Appends to a queue and consumes from it until it is killed, and says what it does on its standard
 * output, a line each, before it goes on: `ready`, `accepted ID`, `delivered ID`, `refused`.
 *
 * Usage: worker.ts DIRECTORY RUN
 */
import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import pino from 'pino'
import { useDirectory } from '../../../pipeline/storage/directory.ts'
import type { StoredQueue } from '../../../pipeline/storage/storage.ts'

const CONSUMERS = 4
/** Leases that never end. */
const STUCK_MAX = 2

const [path = '', run = ''] = process.argv.slice(2)

/** Returns once the reader can have it. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

let stuck = 0

async function produce(queue: StoredQueue): Promise<void> {
  for (let i = 0; ; i++) {
    const id = `${run}-${i}`
    const parts = [Buffer.from(`${id} `), Buffer.alloc(Math.random() * 2000, 'z')]
    const outcome = await queue.append({ items: 1, parts })
    say(outcome.kind === 'ok' ? `accepted ${id}` : 'refused')
    if (Math.random() < 0.3 || outcome.kind !== 'ok') await nextTurn()
  }
}

async function consume(queue: StoredQueue): Promise<void> {
  for (;;) {
    const lease = await queue.lease()
    if (lease === undefined) {
      await nextTurn()
      continue
    }
    if (Math.random() < 0.1) {
      lease.release()
      continue
    }
    say(`delivered ${Buffer.from(lease.bytes).toString().split(' ')[0]}`)
    if (stuck < STUCK_MAX && Math.random() < 0.01) {
      stuck++
      continue
    }
    lease.done()
    await nextTurn()
  }
}

const directory = await useDirectory({
  path,
  limits: { maxBytes: 64 * 1024, segmentBytes: 8 * 1024, fsync: run.endsWith('s') },
  timeoutMs: 1000,
  logger: pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true })),
})
const queue = await directory.queue('exporter/otlp/traces')
say('ready')
await Promise.all([produce(queue), ...Array.from({ length: CONSUMERS }, () => consume(queue))])
