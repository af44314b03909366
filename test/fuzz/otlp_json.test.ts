import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import { fromJson } from '../../pipeline/otlp/from_json.ts'
import { toJson } from '../../pipeline/otlp/json.ts'
import { arbitraryMessage, withWholeIds } from '../proto/arbitrary.ts'
import { encode, requestType } from '../proto/otlp.ts'

type Plain = Record<string, unknown>

const SIGNALS = ['traces', 'metrics', 'logs'] as const
const IDS = new Set(['traceId', 'spanId', 'parentSpanId'])

/** How a writer may spell a message: keys, numbers and ids each in one of their forms. */
interface Spelling {
  readonly snake: boolean
  readonly upper: boolean
  readonly numbers: boolean
  readonly space: number
}

const spelling: fc.Arbitrary<Spelling> = fc.record({
  snake: fc.boolean(),
  upper: fc.boolean(),
  numbers: fc.boolean(),
  space: fc.nat(2),
})

/** The JSON text of plain objects, written by hand, as JSON.stringify rounds integers. */
function jsonText(value: unknown, how: Spelling, key = ''): string {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value)
    if (!IDS.has(key)) return JSON.stringify(bytes.toString(how.snake ? 'base64url' : 'base64'))
    const digits = bytes.toString('hex')
    return JSON.stringify(how.upper ? digits.toUpperCase() : digits)
  }
  if (Array.isArray(value)) return `[${value.map((v) => jsonText(v, how, key)).join(',')}]`
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'string' && NUMBERS.test(key)) return how.numbers ? value : `"${value}"`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const space = ' \n'.slice(0, how.space)
  const fields = Object.entries(value).map(([k, v]) => {
    const name = how.snake ? k.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : k
    return `"${name}"${space}:${space}${jsonText(v, how, k)}`
  })
  return `{${space}${fields.join(`${space},`)}}`
}

/** Fields of 64 bits, which the arbitrary messages hold as decimal strings. */
const NUMBERS = /^(intValue|asInt|count|zeroCount|bucketCounts|.*UnixNano)$/

for (const signal of SIGNALS) {
  const type = requestType(signal)
  const request = arbitraryMessage(type).map((plain) => withWholeIds(plain) as Plain)

  test(`\`fromJson\` makes of any ${signal} request what protobufjs makes of it`, () => {
    fc.assert(
      fc.property(request, spelling, (plain, how) => {
        const bytes = fromJson(signal, Buffer.from(jsonText(plain, how)))
        assert.ok(bytes instanceof Uint8Array, JSON.stringify(bytes))
        assert.equal(typeof checkRequest(signal, bytes), 'number')
        const theirs = type.decode(encode(signal, plain).bytes)
        assert.deepEqual(type.toObject(type.decode(bytes)), type.toObject(theirs))
      }),
      { numRuns: 300 },
    )
  })

  test(`\`fromJson\` of what \`toJson\` says of a ${signal} request says the same again`, () => {
    fc.assert(
      fc.property(request, (plain) => {
        const text = toJson(signal, encode(signal, plain).bytes) as string
        const bytes = fromJson(signal, Buffer.from(text))
        assert.ok(bytes instanceof Uint8Array, JSON.stringify(bytes))
        assert.equal(toJson(signal, bytes), text)
      }),
      { numRuns: 300 },
    )
  })

  test(`\`fromJson\` takes no ${signal} text that is not JSON, and never throws`, () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() })
    fc.assert(
      fc.property(request, spelling, fc.array(damage, { maxLength: 4 }), (plain, how, damages) => {
        let text = Buffer.from(jsonText(plain, how))
        for (const { at, byte, cut } of damages) {
          text[at % text.length] = byte
          if (cut) text = text.subarray(0, (at % text.length) + 1)
        }
        judge(signal, text)
      }),
      { numRuns: 1000 },
    )
  })
}

test('random bytes and any JSON end in a value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => judge('traces', bytes)),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.json(), (text) => judge('logs', Buffer.from(text))),
    { numRuns: 1000 },
  )
})

function judge(signal: (typeof SIGNALS)[number], text: Uint8Array): void {
  const bytes = fromJson(signal, text)
  if (!(bytes instanceof Uint8Array)) {
    assert.equal(bytes.kind, 'malformed')
    assert.ok(bytes.offset <= text.length)
    return
  }
  JSON.parse(Buffer.from(text).toString())
  assert.equal(typeof checkRequest(signal, bytes), 'number')
}
