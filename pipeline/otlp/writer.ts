/**
 * What the writers of all three signals share: resource, scope, attributes.
 *
 * The messages differ in name only, so the field numbers are written once:
 *
 *     ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }   (others alike)
 *     ResourceSpans { Resource resource = 1;  repeated ScopeSpans scope_spans = 2; }
 *     Resource      { repeated KeyValue attributes = 1; }
 *     ScopeSpans    { InstrumentationScope scope = 1;  repeated Span spans = 2; }
 *     InstrumentationScope { string name = 1;  string version = 2; }
 *
 * A writer goes forward only. Whatever is begun ends the one of its level before it, so there is
 * nothing to close by hand but links and exemplars:
 *
 *     writer.beginResource()
 *     writer.attrString('service.name', 'api')       the resource's
 *     writer.beginScope('flowspan', '1.0.0')
 *     writer.beginSpan()
 *     writer.attrInt('http.response.status_code', 200)    the span's
 *     const batch = writer.finish()                  and the writer can be used again
 */
import {
  openString,
  writeBool,
  writeDouble,
  writeInt,
  writeIntBehind,
  writeString,
  writeStringBehind,
  writeStrings,
} from './attributes.ts'
import type { OtlpBatch } from './batch.ts'
import { varintSize } from './varint.ts'
import { LEN, tag, WireWriter } from './wire.ts'

const RESOURCES = tag(1, LEN)
const RESOURCE = tag(1, LEN)
const RESOURCE_ATTRIBUTES = tag(1, LEN)
const SCOPES = tag(2, LEN)
const SCOPE = tag(1, LEN)
const SCOPE_NAME = tag(1, LEN)
const SCOPE_VERSION = tag(2, LEN)
export const ITEMS = tag(2, LEN)

/** Guesses of the bytes a length takes; see wire.ts. */
const SHORT_GUESS = 1
/** Of a resource of which nothing is said: its length takes three bytes. */
const RESOURCE_BYTES = 100_000

const CLOSED = -1

export abstract class SignalWriter {
  protected readonly wire = new WireWriter()
  /** Items begun since the last `finish`. */
  #items = 0
  #resources = CLOSED
  #string = CLOSED
  #text = CLOSED
  #prefixLength = 0
  /** Of what is open, its scopes' too. */
  #resourceGuess = 0
  #resource = CLOSED
  #scopes = CLOSED
  /** The tag under which an attribute stands in what is open now. */
  #attributes = RESOURCE_ATTRIBUTES
  readonly #signal: OtlpBatch['signal']

  protected constructor(signal: OtlpBatch['signal']) {
    this.#signal = signal
  }

  /** Bytes written since the last `finish`: for callers that cut batches by size. */
  get bytes(): number {
    return this.wire.at
  }

  /** Items begun since the last `finish`. */
  get items(): number {
    return this.#items
  }

  /**
   * Begins a resource; attributes until `beginScope` are its own. Nothing has to be moved when it
   * ends if it has about as many bytes as was expected.
   */
  beginResource(bytesExpected = RESOURCE_BYTES): void {
    this.#closeResource()
    // At least 2: what is opened with a guess of 1 does not count as moved (wire.ts).
    this.#resourceGuess = Math.max(2, varintSize(bytesExpected))
    this.#resources = this.wire.open(RESOURCES, this.#resourceGuess)
    this.#resource = this.wire.open(RESOURCE, SHORT_GUESS)
    this.#attributes = RESOURCE_ATTRIBUTES
  }

  /** Begins a scope in the open resource. Throws without one. */
  beginScope(name: string, version: string): void {
    if (this.#resources === CLOSED) throw new Error('Cannot begin a scope outside a resource')
    this.#closeScope()
    if (this.#resource !== CLOSED) this.wire.close(this.#resource, SHORT_GUESS)
    this.#resource = CLOSED
    this.#scopes = this.wire.open(SCOPES, this.#resourceGuess)
    const scope = this.wire.open(SCOPE, SHORT_GUESS)
    if (name !== '') this.wire.string(SCOPE_NAME, name)
    if (version !== '') this.wire.string(SCOPE_VERSION, version)
    this.wire.close(scope, SHORT_GUESS)
  }

  attrString(key: string, value: string): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    writeString(this.wire, key, value)
    this.wire.close(start, SHORT_GUESS)
  }

  attrStrings(key: string, values: readonly string[]): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    writeStrings(this.wire, key, values)
    this.wire.close(start, SHORT_GUESS)
  }

  /** An int64: a whole number, |value| ≤ 2^53. */
  attrInt(key: string, value: number): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    writeInt(this.wire, key, value)
    this.wire.close(start, SHORT_GUESS)
  }

  attrDouble(key: string, value: number): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    writeDouble(this.wire, key, value)
    this.wire.close(start, SHORT_GUESS)
  }

  attrBool(key: string, value: boolean): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    writeBool(this.wire, key, value)
    this.wire.close(start, SHORT_GUESS)
  }

  /** As attrString; `prefix` as of attrIntBehind. */
  attrStringBehind(prefix: Uint8Array, value: string): void {
    writeStringBehind(this.wire, prefix, value)
  }

  /**
   * Begins what `attrStringBehind` writes at once: `text` as often as wanted, then `endString`. To
   * join texts before would make one more.
   */
  beginString(prefix: Uint8Array): void {
    this.#prefixLength = prefix.length
    this.#string = this.wire.copy(prefix)
    this.#text = openString(this.wire)
  }

  text(text: string): void {
    this.wire.text(text)
  }

  endString(): void {
    this.wire.close(this.#text, SHORT_GUESS)
    this.wire.setLengths(this.#string, this.#prefixLength)
  }

  /** As attrInt; `prefix`: `attributePrefix` of the field that attributes are now, and the key. */
  attrIntBehind(prefix: Uint8Array, value: number): void {
    writeIntBehind(this.wire, prefix, value)
  }

  /** An attribute that `encodeAttribute` made. */
  attrEncoded(keyValue: Uint8Array): void {
    const start = this.wire.open(this.#attributes, SHORT_GUESS)
    this.wire.raw(keyValue)
    this.wire.close(start, SHORT_GUESS)
  }

  /** Fields of the open message, encoded elsewhere, tags and all. */
  raw(fields: Uint8Array): void {
    this.wire.raw(fields)
  }

  /** Grows when what was written may stand elsewhere: what is ended may move for its length. */
  get moves(): number {
    return this.wire.moves
  }

  /** Writes once more what was written from `start` to `end`, as `bytes` told, unless it moved. */
  again(start: number, end: number): void {
    this.wire.again(start, end)
  }

  /** What was written from `start` on, as a copy of its own. */
  copyFrom(start: number): Uint8Array {
    return this.wire.copyFrom(start)
  }

  /** Ends everything that is open and gives the request; the writer is empty again. */
  finish(): OtlpBatch {
    this.#closeResource()
    const items = this.#items
    this.#items = 0
    return { signal: this.#signal, bytes: this.wire.take(), items }
  }

  /** The signal's: ends the item that is open, if any. */
  protected abstract closeItem(): void

  protected countItem(): void {
    this.#items++
  }

  protected requireScope(): void {
    if (this.#scopes === CLOSED) throw new Error('Cannot begin an item outside a scope')
  }

  /** Under which tag attributes stand from now on. Gives the tag before. */
  protected attributesAs(tagNumber: number): number {
    const before = this.#attributes
    this.#attributes = tagNumber
    return before
  }

  #closeScope(): void {
    this.closeItem()
    if (this.#scopes !== CLOSED) this.wire.close(this.#scopes, this.#resourceGuess)
    this.#scopes = CLOSED
  }

  #closeResource(): void {
    this.#closeScope()
    if (this.#resource !== CLOSED) this.wire.close(this.#resource, SHORT_GUESS)
    this.#resource = CLOSED
    if (this.#resources !== CLOSED) this.wire.close(this.#resources, this.#resourceGuess)
    this.#resources = CLOSED
  }
}
