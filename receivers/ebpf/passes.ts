/**
 * Passes over all open connections, of all network namespaces: what they have done since their last
 * record, and for a new reader that they are there. A slice at a time, so that a hundred thousand
 * sockets neither hold up a CPU nor fill the ring.
 */
import { ConnRecord } from '../../pipeline/kernel_events/events.gen.ts'
import type { BpfObject, Iterator } from './libbpf.ts'

/** Between two slices. Before the ring is full of them its reader is woken (bpf/wake.bpf.h). */
const SLICE_INTERVAL_MS = 20
/**
 * Records of a slice; or 16 times as many sockets without one: 1 to 3 ms. So 100,000 connections
 * that all have something to tell take 8 to 12 s, longer than the interval: slices are made larger.
 */
const SLICE_RECORDS = 256
/** Of the ring, what a slice may take. */
const SLICE_SHARE = 1 / 16
const RECORD_BYTES = ConnRecord.size + 8

const PASSES = {
  interim: { program: 'tell_interim', map: 'conns' },
  listeners: { program: 'tell_listeners', map: 'listeners' },
  unwanted: { program: 'let_go', map: 'conns' },
  all: { program: 'tell_open', map: 'conns' },
} as const
type Pass = keyof typeof PASSES

export interface PassSettings {
  /** Programs that this kernel took. */
  readonly iterators: ReadonlySet<string>
  /** Between two passes; 0: none but those that are asked for. */
  readonly intervalMs: number
  readonly ringBytes: number
  /** A pass cannot be made: told once for each reason. */
  failed(error: Error): void
}

export class Passes {
  readonly #object: BpfObject
  readonly #settings: PassSettings
  readonly #sliceBytesMax: number
  #sliceBytes: number
  readonly #timer: NodeJS.Timeout | undefined
  #waiting: Pass[] = []
  #slices: NodeJS.Timeout | undefined
  #running: Iterator | undefined
  #failed = ''

  /** The first pass, for connections older than the programs, begins at once. */
  constructor(object: BpfObject, settings: PassSettings) {
    this.#object = object
    this.#settings = settings
    const share = Math.floor((settings.ringBytes * SLICE_SHARE) / RECORD_BYTES)
    this.#sliceBytesMax = Math.max(1, share)
    this.#sliceBytes = Math.min(this.#sliceBytesMax, SLICE_RECORDS)
    this.interim()
    if (settings.intervalMs === 0) return
    this.#timer = setInterval(() => this.#periodic(), settings.intervalMs)
    this.#timer.unref()
  }

  /** Tells of every open connection, for a reader that knows none. */
  all(): void {
    this.#request('all')
  }

  /** Lets go of those that are not wanted any more. */
  letGo(): void {
    this.#request('unwanted')
  }

  /** Tells of those that have something new, before it is time. */
  interim(): void {
    this.#request('interim')
  }

  /** Safe twice. */
  close(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#slices)
    this.#waiting = []
    this.#end()
  }

  /** A pass that takes longer than the interval is not joined by another, and goes on faster. */
  #periodic(): void {
    if (this.#running !== undefined) {
      this.#sliceBytes = Math.min(2 * this.#sliceBytes, this.#sliceBytesMax)
    }
    this.#request('interim')
    this.#request('listeners')
  }

  #request(pass: Pass): void {
    if (!this.#settings.iterators.has(PASSES[pass].program)) return
    if (!this.#waiting.includes(pass)) this.#waiting.push(pass)
    this.#slices ??= this.#later(0)
  }

  #later(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#slice(), ms).unref()
  }

  /** All passes that are wanted, as far as one slice takes them: a wake costs more than a few. */
  #slice(): void {
    this.#slices = undefined
    let left = this.#sliceBytes
    while (left > 0) {
      if (this.#running === undefined && this.#waiting.length === 0) return
      left -= this.#read(left)
    }
    this.#slices = this.#later(SLICE_INTERVAL_MS)
  }

  /** How much it was: 0 at the end, or when the pass cannot be made. */
  #read(bytes: number): number {
    try {
      this.#running ??= this.#next()
      const read = this.#running?.read(bytes) ?? 0
      if (read === 0) this.#end()
      return read
    } catch (error) {
      this.#end()
      this.#report(error as Error)
      return 0
    }
  }

  #next(): Iterator | undefined {
    const pass = this.#waiting.shift()
    return pass && this.#object.iterator(PASSES[pass].program, PASSES[pass].map)
  }

  #end(): void {
    this.#running?.close()
    this.#running = undefined
  }

  #report(error: Error): void {
    if (error.message === this.#failed) return
    this.#failed = error.message
    this.#settings.failed(error)
  }
}
