/**
 * What a family writes of each row anew: URLs, query texts. Where a text comes again in a batch,
 * in requests that are alike, its attributes are copied from the span before: that costs half of
 * what encoding does, and nothing has to be kept.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import type { RequestBlock } from './blocks.ts'

export class OwnAttributes {
  readonly #writer: TracesWriter
  #batch: FlowBatch | undefined
  /** Of the writer, when something was remembered. */
  #moves = 0
  /** By index of the text: of which block it was written, and from where to where. */
  #blocks = new Uint32Array(0)
  #starts = new Uint32Array(0)
  #ends = new Uint32Array(0)

  constructor(writer: TracesWriter) {
    this.#writer = writer
  }

  /** The batch whose rows are written from now on, into a request of their own. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    const { size } = batch.strings
    if (this.#blocks.length < size) {
      this.#blocks = new Uint32Array(size * 2)
      this.#starts = new Uint32Array(size * 2)
      this.#ends = new Uint32Array(size * 2)
    }
    this.#forget()
  }

  write(block: RequestBlock, row: number): void {
    const { ownDetail } = block.family
    const writer = this.#writer
    if (ownDetail === 'none') {
      block.family.own(writer, this.#batch as FlowBatch, row)
      return
    }
    if (writer.moves !== this.#moves) this.#forget()
    const { base } = this.#batch as FlowBatch
    const text = (ownDetail === 'target' ? base.target : base.query)[row] as number
    if (this.#blocks[text] === block.id) {
      writer.again(this.#starts[text] as number, this.#ends[text] as number)
    } else this.#write(block, { row, text })
  }

  #write({ id, family }: RequestBlock, { row, text }: { row: number; text: number }): void {
    const writer = this.#writer
    this.#starts[text] = writer.bytes
    family.own(writer, this.#batch as FlowBatch, row)
    this.#ends[text] = writer.bytes
    this.#blocks[text] = id
  }

  #forget(): void {
    this.#blocks.fill(0, 0, this.#batch?.strings.size)
    this.#moves = this.#writer.moves
  }
}
