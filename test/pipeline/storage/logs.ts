/** Logs in directories of their own, and what they hold, for the tests of the storage. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import pino, { type Logger } from 'pino'
import { Budget, type Limits } from '../../../pipeline/storage/budget.ts'
import { type Refusal, SegmentLog } from '../../../pipeline/storage/segment_log.ts'
import { temporaryDirectory } from '../../kit/processes.ts'

export const LIMITS: Limits = { maxBytes: 2 ** 30, segmentBytes: 2 ** 20, fsync: false }

export interface Opened {
  readonly log: SegmentLog
  readonly budget: Budget
  /** What the log had to say of the disk, in order. */
  readonly problems: (string | undefined)[]
  readonly refused: Refusal[]
  readonly ready: { count: number }
}

export async function openLog(
  folder: string,
  over: { limits?: Partial<Limits>; logger?: Logger; lookIntervalMs?: number } = {},
): Promise<Opened> {
  const budget = new Budget({ ...LIMITS, ...over.limits })
  const problems: (string | undefined)[] = []
  const refused: Refusal[] = []
  const ready = { count: 0 }
  const log = await SegmentLog.open({
    folder,
    budget,
    ...over,
    logger: over.logger ?? pino({ level: 'silent' }),
    onReady: () => void ready.count++,
    onDisk: (problem) => void problems.push(problem),
    onRefused: (why) => void refused.push(why),
  })
  return { log, budget, problems, refused, ready }
}

export function newFolder(): string {
  return join(temporaryDirectory('storage'), 'queue')
}

/** A copy of the folder as it is at this moment: what a killed process would leave. */
export function snapshot(folder: string): string {
  const copy = newFolder()
  mkdirSync(copy)
  for (const path of segmentsIn(folder)) copyFileSync(path, join(copy, basename(path)))
  return copy
}

/** Paths of the segments, by number. */
export function segmentsIn(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
}

export function append(log: SegmentLog, text: string, items = 1): void {
  assert.deepEqual(log.append({ items, parts: [Buffer.from(text)] }), { kind: 'ok' })
}

/** Leases everything that is there, and gives the texts; nothing is done. */
export function texts(log: SegmentLog): string[] {
  const all: string[] = []
  for (let leased = log.lease(); leased !== undefined; leased = log.lease()) {
    all.push(leased.payload.toString())
  }
  return all
}

/** Waits until what was done is said in the log. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
