/** The receiver's part in recordings: the file, whose it is, and what is said when it is over. */
import { closeSync, constants, lstatSync, openSync, renameSync } from 'node:fs'
import { release } from 'node:os'
import type { Privileged, Settings } from '../../pipeline/component.ts'
import type { RunNames } from '../../pipeline/flows/origin.ts'
import type { KernelSink } from '../../pipeline/kernel_events/kernel_events.ts'
import { LAYOUT } from '../../pipeline/kernel_events/recording/layout.ts'
import { type ChangedCounters, Recorder } from '../../pipeline/kernel_events/recording/recorder.ts'
import {
  type EndReason,
  type RecordedRun,
  recordedConfig,
} from '../../pipeline/kernel_events/recording/run.ts'
import { RecordingWriter } from '../../pipeline/kernel_events/recording/writer.ts'
import { type KernelInfo, MAPS } from './capabilities.ts'
import type { EbpfConfig } from './config.ts'

/** Of `Privileged.fds`, if there is a recording. */
export const RECORDING_FD = MAPS.length
const MIB = 1024 * 1024
/** The file may hold what was said in confidence. */
const MODE = 0o600

/**
 * Adds the file to what is open, for a process that may open nothing. One that is there already
 * becomes FILE.1: the recording of a crash is not to be lost by the start after it.
 */
export function withRecording(path: string, open: () => Promise<Privileged>): Promise<Privileged> {
  return path === '' ? open() : openBoth(path, open)
}

async function openBoth(path: string, open: () => Promise<Privileged>): Promise<Privileged> {
  const fd = create(path)
  try {
    const privileged = await open()
    return {
      ...privileged,
      fds: [...privileged.fds, fd],
      close: closeOnce(() => {
        privileged.close()
        closeSync(fd)
      }),
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function create(path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants
  try {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there !== undefined && !there.isFile()) throw new Error(`${path} is not a file`)
    if (there !== undefined) renameSync(path, `${path}.1`)
    // Exclusive: a link that somebody puts there is not followed.
    return openSync(path, O_WRONLY | O_CREAT | O_EXCL, MODE)
  } catch (error) {
    throw new Error(`record::path: cannot write: ${(error as Error).message}`)
  }
}

function closeOnce(close: () => void): () => void {
  let isOpen = true
  return () => {
    if (isOpen) close()
    isOpen = false
  }
}

export interface RecordingOf {
  readonly settings: Settings
  readonly config: EbpfConfig
  readonly run: RunNames
  readonly first: boolean
  readonly info: KernelInfo
  /** Those that `next` has read. */
  readonly counters: ChangedCounters
  /** The recording has ended by itself. */
  over(): void
}

/**
 * Throws where not even the first block can be written; for a process that goes on after one that
 * has crashed that is undefined: rows go on.
 */
export function startRecording(
  fd: number,
  next: KernelSink,
  of: RecordingOf,
): Recorder | undefined {
  const { settings, config, run: names, first, info, counters, over } = of
  const { ledger, logger, version } = settings
  const { path, max_mib } = config.record
  const run: RecordedRun = {
    version,
    kernel: release(),
    layout: LAYOUT,
    config: recordedConfig(config),
    names,
    dropReasons: [...info.dropReasons],
    first,
    counters: counters.take().map(([index, value]) => [index, value]),
    capabilities: [...info.capabilities],
  }
  const ended = (why: EndReason | Error) => {
    ledger.note(why === 'full' ? 'recording_full' : 'recording_failed', 1)
    logger.warn({ path, reason: reasonOf(why, max_mib) }, 'The recording has ended; rows go on')
    over()
  }
  try {
    const writer = new RecordingWriter(fd, run, { bytesMax: max_mib * MIB, over: ended })
    logger.warn({ path }, 'Recording raw events, heads of requests and what is in them included')
    return new Recorder(next, { writer, counters })
  } catch (error) {
    if (first) throw new Error(`Cannot write ${path}: ${(error as Error).message}`)
    ended(error as Error)
    return undefined
  }
}

function reasonOf(why: EndReason | Error, maxMib: number): string {
  if (why instanceof Error) return why.message
  return why === 'full' ? `it has ${maxMib} MiB (record::max_mib)` : 'the disk does not keep up'
}
