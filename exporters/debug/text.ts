/** How values are shown to a person. */
import type { AttributesView, Value } from '../../pipeline/otlp/values.ts'

const CUT = '…'

/**
 * Text that came from the network, fit for a terminal: control and formatting characters, which
 * could move the cursor or turn the text around, are shown as escapes; what is long is cut.
 */
export function clean(text: string, charactersMax = 200): string {
  const cut = text.length > charactersMax ? text.slice(0, charactersMax - 1) + CUT : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped)
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`
}

/** Three digits that count: `412 µs`, `12.4 ms`, `1.20 s`. */
export function durationText(nanos: number): string {
  if (Math.abs(nanos) < 999_500) return `${threeDigits(nanos / 1e3)} µs`
  if (Math.abs(nanos) < 999_500_000) return `${threeDigits(nanos / 1e6)} ms`
  return `${threeDigits(nanos / 1e9)} s`
}

function threeDigits(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(size === 0 ? 0 : 2)
}

/** `1280` as `1.28 kB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999_500) return `${threeDigits(bytes / 1e3)} kB`
  if (bytes < 999_500_000) return `${threeDigits(bytes / 1e6)} MB`
  return `${threeDigits(bytes / 1e9)} GB`
}

/** `1 span`, `2 spans`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

export function valueText(value: Value): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return clean(value)
  if (value instanceof Uint8Array) return clean(Buffer.from(value).toString('hex'))
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  if (value instanceof Map) {
    return `{${[...value].map(([key, v]) => `${clean(key)}: ${valueText(v)}`).join(', ')}}`
  }
  return String(value)
}

/** The name of a value's type, as the Collector's debug exporter shows it. */
export function typeText(value: Value): string {
  if (value === undefined) return 'Empty'
  if (typeof value === 'string') return 'Str'
  if (typeof value === 'boolean') return 'Bool'
  if (typeof value === 'bigint') return 'Int'
  if (typeof value === 'number') return Number.isInteger(value) ? 'Int' : 'Double'
  if (value instanceof Uint8Array) return 'Bytes'
  return Array.isArray(value) ? 'Slice' : 'Map'
}

/** `key=value key=value`, on one line. */
export function attributesText(attributes: AttributesView): string {
  const out: string[] = []
  while (attributes.next()) out.push(`${clean(attributes.key)}=${valueText(attributes.value)}`)
  return out.join(' ')
}

/** One line an attribute: `     -> key: Str(value)`. */
export function attributeLines(attributes: AttributesView, title: string): string[] {
  const lines: string[] = []
  while (attributes.next()) {
    const { value } = attributes
    lines.push(`     -> ${clean(attributes.key)}: ${typeText(value)}(${valueText(value)})`)
  }
  return lines.length === 0 ? lines : [title, ...lines]
}
