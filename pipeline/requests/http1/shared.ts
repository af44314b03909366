/** What all streams of a receiver share: counts, and the memory of heads that come in parts. */
export class Http1Shared {
  /** Bytes held by unfinished heads; one that would exceed the bound is taken as cut. */
  headBytes = 0
  readonly headBytesMax: number
  /** Places where bytes of a stream are missing, and how many bytes. */
  gaps = 0
  gapBytes = 0
  /** Bytes that an earlier piece had brought already. */
  repeatedBytes = 0
  /** Heads whose end was not seen. */
  headsCut = 0
  /** Beginnings of messages that were none after all. */
  headsInvalid = 0
  /** Times that framing was lost in a direction that had spoken HTTP. */
  desynchronised = 0

  constructor(headBytesMax = 16 << 20) {
    this.headBytesMax = headBytesMax
  }
}
