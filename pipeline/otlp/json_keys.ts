/**
 * The fields of OTLP's messages by their keys in JSON: lowerCamelCase, and the names of the proto
 * files, which proto3's JSON mapping lets a reader accept (`traceId`, `trace_id`).
 *
 * Keys are compared as bytes, without making a string of each: length, first and last byte tell
 * nearly all of them apart.
 */
import { type FieldSpec, type MessageSpec, type ScalarType, wireTypeOf } from './json_schema.ts'
import { LEN, tag } from './wire.ts'

export interface Target {
  readonly key: string
  /** As the field's elements are written one by one. */
  readonly tag: number
  /** As numbers are written that stand in one packed field. */
  readonly packedTag: number
  readonly repeated: boolean
  /** Undefined for a message. */
  readonly scalar: ScalarType | undefined
  /** The keys of the message. */
  readonly keys: Keys | undefined
}

interface Named {
  readonly name: Buffer
  readonly target: Target
}

export class Keys {
  readonly #named = new Map<number, Named[]>()

  /** The field whose key stands in [start, end); undefined when the message has none such. */
  find(bytes: Uint8Array, start: number, end: number): Target | undefined {
    const named = this.#named.get(signature(bytes, start, end))
    if (named === undefined) return undefined
    for (const { name, target } of named) if (equal(name, bytes, start)) return target
    return undefined
  }

  add(text: string, target: Target): void {
    const name = Buffer.from(text)
    const key = signature(name, 0, name.length)
    const named = this.#named.get(key) ?? []
    this.#named.set(key, named)
    if (!named.some((other) => other.name.equals(name))) named.push({ name, target })
  }
}

const known = new Map<MessageSpec, Keys>()

/** The keys of a message and, through its targets, of all messages in it. */
export function keysOf(spec: MessageSpec): Keys {
  const made = known.get(spec)
  if (made !== undefined) return made
  const keys = new Keys()
  known.set(spec, keys)
  for (const [number, index] of spec.index) {
    const field = spec.fields[index] as FieldSpec
    const { key, type, repeated } = field
    const isMessage = typeof type === 'function'
    const target: Target = {
      key,
      tag: tag(number, isMessage ? LEN : wireTypeOf(type)),
      packedTag: tag(number, LEN),
      repeated,
      scalar: isMessage ? undefined : type,
      keys: isMessage ? keysOf(type()) : undefined,
    }
    keys.add(key, target)
    keys.add(snakeCase(key), target)
  }
  return keys
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Of an empty key 0. */
function signature(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0
  return ((end - start) << 16) | ((bytes[start] as number) << 8) | (bytes[end - 1] as number)
}

/** The lengths are equal when the signatures are. */
function equal(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false
  return true
}
