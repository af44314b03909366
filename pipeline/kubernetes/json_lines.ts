/**
 * Cuts a byte stream into lines of JSON: the framing of a Kubernetes watch.
 *
 * A line is decoded only when it is whole, since a chunk may end inside a UTF-8 sequence, and a
 * line longer than the bound is an error, since nothing else bounds what a server sends.
 */
const NEWLINE = 0x0a

export class JsonLines {
  readonly #bytesMax: number
  #parts: Buffer[] = []
  #bytes = 0

  /** @param bytesMax longest line that is accepted */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of the line that is not complete yet. */
  get pending(): number {
    return this.#bytes
  }

  /**
   * Gives the value of each line that `chunk` completes to `onValue`; empty lines are skipped.
   * Throws a SyntaxError when a line is no JSON and a RangeError when it is too long: the stream
   * cannot be trusted after either, so nothing more should be pushed.
   */
  push(chunk: Buffer, onValue: (value: unknown) => void): void {
    let from = 0
    for (;;) {
      const to = chunk.indexOf(NEWLINE, from)
      const part = chunk.subarray(from, to < 0 ? chunk.length : to)
      this.#bytes += part.length
      if (this.#bytes > this.#bytesMax) {
        throw new RangeError(`Cannot read a line longer than ${this.#bytesMax} bytes`)
      }
      if (part.length > 0) this.#parts.push(part)
      if (to < 0) return
      from = to + 1
      const line = this.#take()
      if (line.trim() !== '') onValue(JSON.parse(line))
    }
  }

  #take(): string {
    const [first] = this.#parts
    const whole = this.#parts.length === 1 ? (first as Buffer) : Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    return whole.toString('utf8')
  }
}
