/** Copies of records that outlast the ring's: what was done with is filled again. */
import { ConnRecord } from './events.gen.ts'

/** Copies that are kept for the next records: of a burst of connections that end. */
const SPARE_MAX = 256

export interface RecordCopy {
  readonly view: DataView
  readonly bytes: Uint8Array
}

/** Of connections. A buffer for each is memory outside V8's heap: it costs more than the copy. */
export class RecordCopies {
  readonly #spare: RecordCopy[] = []

  of(view: DataView, at: number): RecordCopy {
    const copy = this.#spare.pop() ?? newCopy()
    copy.bytes.set(new Uint8Array(view.buffer, view.byteOffset + at, ConnRecord.size))
    return copy
  }

  /** Nobody reads it any more. */
  done(copy: RecordCopy): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(copy)
  }
}

function newCopy(): RecordCopy {
  const buffer = new ArrayBuffer(ConnRecord.size)
  return { view: new DataView(buffer), bytes: new Uint8Array(buffer) }
}
