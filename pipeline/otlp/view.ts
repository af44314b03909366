/**
 * Looks into the bytes of a request without making an object for everything in it.
 *
 * A view is a set of cursors that are moved, not copied: `nextResource`, `nextScope` and the
 * signal's own `next…` go forward, and `resource`, `scope` and the item show what they stand on.
 * What is read of them must be read before the next step.
 *
 *     const view = new TracesView(batch.bytes)
 *     while (view.nextResource())
 *       while (view.nextScope())
 *         while (view.nextSpan()) use(view.resource, view.scope, view.span)
 *     if (view.fault) …                      the bytes were not a request, from there on
 *
 * Fields may stand in any order (the Collector writes a resource behind its spans), unknown fields
 * are passed over, and of a field that is there twice the last one counts. Nothing throws.
 */

import { Range } from './scalars.ts'
import { AttributesView } from './values.ts'
import { LEN } from './wire.ts'
import { FieldReader, type Malformed, WireSource } from './wire_reader.ts'

/** `Resource { repeated KeyValue attributes = 1; }` */
export class ResourceView {
  readonly attributes: AttributesView
  readonly #range = new Range()

  constructor(source: WireSource) {
    this.attributes = new AttributesView(source)
  }

  over(range: Range): void {
    this.#range.set(range)
    this.attributes.over(this.#range, 1)
  }
}

/**
 * `InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3;
 * }`
 */
export class ScopeView {
  readonly attributes: AttributesView
  readonly #source: WireSource
  readonly #fields: FieldReader
  readonly #name = new Range()
  readonly #version = new Range()

  constructor(source: WireSource) {
    this.#source = source
    this.#fields = new FieldReader(source)
    this.attributes = new AttributesView(source)
  }

  get name(): string {
    return this.#source.text(this.#name.start, this.#name.end)
  }

  get version(): string {
    return this.#source.text(this.#version.start, this.#version.end)
  }

  over(range: Range): void {
    this.#name.clear()
    this.#version.clear()
    const fields = this.#fields
    fields.reset(range.start, range.end)
    while (fields.next()) {
      if (fields.wireType !== LEN) continue
      if (fields.field === 1) this.#name.set(fields)
      else if (fields.field === 2) this.#version.set(fields)
    }
    this.attributes.over(range, 3)
  }
}

/** The part that the three signals have in common; field numbers as in writer.ts. */
export abstract class SignalView {
  readonly resource: ResourceView
  readonly scope: ScopeView
  protected readonly source: WireSource
  protected readonly items: FieldReader
  readonly #resources: FieldReader
  readonly #scopes: FieldReader
  readonly #fields: FieldReader
  readonly #found = new Range()

  protected constructor(bytes: Uint8Array) {
    this.source = new WireSource(bytes)
    this.resource = new ResourceView(this.source)
    this.scope = new ScopeView(this.source)
    this.#resources = new FieldReader(this.source)
    this.#scopes = new FieldReader(this.source)
    this.items = new FieldReader(this.source)
    this.#fields = new FieldReader(this.source)
    this.#resources.reset(0, bytes.length)
  }

  /** What is wrong with the bytes, as far as they have been read. */
  get fault(): Malformed | undefined {
    return this.source.fault
  }

  nextResource(): boolean {
    if (!this.#resources.nextMessage(1)) return false
    this.#find(this.#resources)
    this.resource.over(this.#found)
    this.#scopes.reset(this.#resources.start, this.#resources.end)
    this.items.reset(0, 0)
    return this.fault === undefined
  }

  nextScope(): boolean {
    if (!this.#scopes.nextMessage(2)) return false
    this.#find(this.#scopes)
    this.scope.over(this.#found)
    this.items.reset(this.#scopes.start, this.#scopes.end)
    return this.fault === undefined
  }

  /** Finds field 1, resource or scope, of the message: it may stand behind the items. */
  #find(message: FieldReader): void {
    this.#found.clear()
    this.#fields.reset(message.start, message.end)
    while (this.#fields.nextMessage(1)) this.#found.set(this.#fields)
  }
}
