/**
 * Tells the kernel programs what is wanted of a connection next (bpf/events.h, struct want), by
 * writing into the array map that they read at each piece: no system call, no capability.
 *
 *     slot of the connection    conn_id │ received: from │ sent: from │ received, sent: bytes
 *
 * Connections share slots: the last one told of has it, the others are handed over as if nothing
 * had been said, and say it again with their next piece. One that the kernel has given up has no
 * next piece.
 */
import { WANT_LIMIT, Want } from '../../pipeline/kernel_events/events.gen.ts'
import { map, wholePages } from './memory.ts'
import { highOf, lowOf, slotOf } from './slots.ts'

const WORDS = Want.size / 4
/** Where what is said begins, behind conn_id, and its words: two positions, two numbers. */
const SAID = Want.from / 4
const SAID_WORDS = WORDS - SAID
const TWO_32 = 2 ** 32
/** Either half of WANT_NOTHING. */
const NOTHING = 0xffff_ffff

/** A conversation: see Parser. */
export interface Wanting {
  wantedFrom(sent: boolean): number
  wantedBytes(sent: boolean): number
}

export class Wants {
  readonly #words: Uint32Array<ArrayBuffer>
  /** What is to be said, before it is. */
  readonly #said = new Uint32Array(SAID_WORDS)

  /** @param buffer the array map, or memory of its form */
  constructor(buffer: ArrayBuffer) {
    this.#words = new Uint32Array(buffer, 0, WANT_LIMIT.WANTS_MAX * WORDS)
  }

  /** `id` is a connId(). Writes nothing that stands there, or goes without saying. */
  tell(id: number, wanting: Wanting): void {
    const said = this.#said
    setFrom(said, { at: 0, from: wanting.wantedFrom(false) })
    setFrom(said, { at: 2, from: wanting.wantedFrom(true) })
    said[4] = wanting.wantedBytes(false)
    said[5] = wanting.wantedBytes(true)

    const words = this.#words
    const low = lowOf(id)
    const high = highOf(id)
    const at = slotOf(id) * WORDS
    const isOurs = words[at] === low && words[at + 1] === high
    let isNews = false
    for (let i = 0; i < SAID_WORDS; i++) {
      if (said[i] !== (isOurs ? words[at + SAID + i] : 0)) isNews = true
    }
    if (!isNews) return
    // Nobody's while it is being written: no CPU has 0 in the upper half.
    Atomics.store(words, at + 1, 0)
    words.set(said, at + SAID)
    Atomics.store(words, at, low)
    Atomics.store(words, at + 1, high)
  }
}

/** Maps the array map that `fd` stands for. */
export function openWants(fd: number): { readonly wants: Wants; close(): void } {
  const bytes = wholePages(WANT_LIMIT.WANTS_MAX * Want.size)
  const mapping = map(fd, { offset: 0, bytes, writable: true })
  return { wants: new Wants(mapping.buffer), close: () => mapping.unmap() }
}

function setFrom(words: Uint32Array, { at, from }: { at: number; from: number }): void {
  const isNothing = from === Number.POSITIVE_INFINITY
  const low = isNothing ? NOTHING : from >>> 0
  words[at] = low
  words[at + 1] = isNothing ? NOTHING : (from - low) / TWO_32
}
