/**
 * OTLP's wire bytes from OTLP/JSON, from text to bytes in one pass: no object is made on the way.
 *
 * Read is what proto3's JSON mapping and OTLP's exceptions from it allow (json_scalars.ts). Keys
 * are in lowerCamelCase or as in the proto files, unknown ones are passed over as the
 * specification demands, and null is a field that was not set.
 */
import { isUtf8 } from 'node:buffer'
import type { OtlpBatch } from './batch.ts'
import { DEPTH_MAX } from './json.ts'
import { type Keys, keysOf, type Target } from './json_keys.ts'
import { isPacked, writePacked, writeScalar } from './json_scalars.ts'
import { JsonScanner, type Kind } from './json_scanner.ts'
import { REQUESTS } from './json_schema.ts'
import { WireWriter } from './wire.ts'
import type { Malformed } from './wire_reader.ts'

const ROOTS = {
  traces: keysOf(REQUESTS.traces),
  metrics: keysOf(REQUESTS.metrics),
  logs: keysOf(REQUESTS.logs),
} as const

/** Bytes that a length takes: most messages are attributes and their values. */
const LENGTH_GUESS = 1

/** The wire bytes of a request; why not, when the text is not JSON or not such a request. */
export function fromJson(signal: OtlpBatch['signal'], text: Uint8Array): Uint8Array | Malformed {
  if (!isUtf8(text)) return { kind: 'malformed', reason: 'the text is not UTF-8', offset: 0 }
  // Whatever is in the text takes less room on the wire, so that the writer rarely grows.
  const reading: Reading = {
    scanner: new JsonScanner(text),
    writer: new WireWriter(text.length + 64),
    depth: 0,
  }
  const { scanner, writer } = reading
  const kind = scanner.kind()
  if (kind !== 'object' && kind !== 'end') scanner.fail('an object is expected')
  else if (kind === 'object') readMessage(reading, ROOTS[signal])
  if (scanner.finish()) return writer.take()
  return scanner.fault as Malformed
}

interface Reading {
  readonly scanner: JsonScanner
  readonly writer: WireWriter
  depth: number
}

/** The fields of the object that comes next, one after another. */
function readMessage(reading: Reading, keys: Keys): boolean {
  const { scanner } = reading
  if (reading.depth > DEPTH_MAX) return scanner.fail(`messages nest deeper than ${DEPTH_MAX}`)
  if (!scanner.enter()) return false
  for (let first = true; scanner.nextKey(first); first = false) {
    const target = findKey(scanner, keys)
    const kind = scanner.kind()
    if (kind === 'end') return false
    if (kind === 'null') scanner.word('null')
    else if (target === undefined) scanner.skip()
    else if (target.repeated) readList(reading, target, kind)
    else readOne(reading, target, kind)
  }
  return scanner.fault === undefined
}

function findKey(scanner: JsonScanner, keys: Keys): Target | undefined {
  if (!scanner.escaped) return keys.find(scanner.bytes, scanner.start, scanner.end)
  const name = Buffer.from(scanner.text() ?? '')
  return keys.find(name, 0, name.length)
}

function readList(reading: Reading, target: Target, kind: Kind): boolean {
  const { scanner, writer } = reading
  if (kind !== 'list') return scanner.fail(`${target.key} must be a list`)
  if (!scanner.enter()) return false
  const packed = target.scalar !== undefined && isPacked(target.scalar)
  const start = packed ? writer.open(target.packedTag, LENGTH_GUESS) : 0
  for (let first = true; scanner.nextElement(first); first = false) {
    const element = scanner.kind()
    if (element === 'end') return false
    if (packed) writePacked(reading, target, element)
    else readOne(reading, target, element)
  }
  if (packed) writer.close(start, LENGTH_GUESS)
  return scanner.fault === undefined
}

/** One value as a field of its own. A null in a list of messages is one with nothing in it. */
function readOne(reading: Reading, target: Target, kind: Kind): boolean {
  const { scanner, writer } = reading
  if (target.keys === undefined) return writeScalar(reading, target, kind)
  if (kind !== 'object' && kind !== 'null') return scanner.fail(`${target.key} must be an object`)
  const start = writer.open(target.tag, LENGTH_GUESS)
  reading.depth++
  if (kind === 'null') scanner.word('null')
  else readMessage(reading, target.keys)
  reading.depth--
  writer.close(start, LENGTH_GUESS)
  return scanner.fault === undefined
}
