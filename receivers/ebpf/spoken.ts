/**
 * What connections speak, in an array map that outlives this process (bpf/spoken_events.h): its
 * successor goes on with those whose beginning it has not seen.
 *
 *     slot of the connection    conn_id │ protocol │ pipelines │ length │ words │ name
 *
 * Connections share slots, as they do those of `wants`: who is told of last has it. HTTP/1 is not
 * told, being what is taken for granted, so that a crowd of short connections displaces nobody.
 */
import { SPOKEN_LIMIT, Spoken } from '../../pipeline/kernel_events/events.gen.ts'
import { type Memory, type Remembered, remembered } from '../../pipeline/requests/remembered.ts'
import { map, wholePages } from './memory.ts'
import { highOf, lowOf, slotOf } from './slots.ts'

const NAME_BYTES_MAX = SPOKEN_LIMIT.SPOKEN_NAME_MAX
/** By their codes, which are never given to another: a successor may be of another release. */
const NAMES = ['', 'http2', 'mysql', 'postgresql', 'redis', 'memcached', 'kafka'] as const

export class SpokenMemory implements Memory {
  readonly #view: DataView
  readonly #bytes: Buffer

  /** @param buffer the array map, or memory of its form */
  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer)
    this.#bytes = Buffer.from(buffer)
  }

  /** `id` is a connId(). */
  recall(id: number): Remembered | undefined {
    const view = this.#view
    const at = slotOf(id) * Spoken.size
    const isIts =
      view.getUint32(at, true) === lowOf(id) && view.getUint32(at + 4, true) === highOf(id)
    const protocol = NAMES[view.getUint8(at + Spoken.protocol)]
    if (!isIts || protocol === undefined || protocol === '') return undefined
    const length = view.getUint16(at + Spoken.length, true)
    const from = at + Spoken.name
    return remembered(protocol, {
      pipelines: view.getUint8(at + Spoken.pipelines) !== 0,
      words: [view.getUint32(at + Spoken.words, true), view.getUint32(at + Spoken.words + 4, true)],
      name: this.#bytes.toString('utf8', from, from + Math.min(length, NAME_BYTES_MAX)),
    })
  }

  remember(id: number, { protocol, pipelines, words, name }: Remembered): void {
    const code = NAMES.indexOf(protocol as (typeof NAMES)[number])
    if (code <= 0) return
    const view = this.#view
    const at = slotOf(id) * Spoken.size
    // Nobody's while it is being written: this process may be killed at any moment.
    view.setUint32(at + 4, 0, true)
    view.setUint8(at + Spoken.protocol, code)
    view.setUint8(at + Spoken.pipelines, pipelines ? 1 : 0)
    view.setUint32(at + Spoken.words, words[0], true)
    view.setUint32(at + Spoken.words + 4, words[1], true)
    // Half a name would be another's.
    const bytes = Buffer.byteLength(name)
    const length = bytes <= NAME_BYTES_MAX ? bytes : 0
    view.setUint16(at + Spoken.length, length, true)
    if (length > 0) this.#bytes.write(name, at + Spoken.name)
    view.setUint32(at, lowOf(id), true)
    view.setUint32(at + 4, highOf(id), true)
  }
}

/** Maps the array map that `fd` stands for. */
export function openSpoken(fd: number): { readonly spoken: SpokenMemory; close(): void } {
  const bytes = wholePages(SPOKEN_LIMIT.SPOKEN_MAX * Spoken.size)
  const mapping = map(fd, { offset: 0, bytes, writable: true })
  return { spoken: new SpokenMemory(mapping.buffer), close: () => mapping.unmap() }
}
