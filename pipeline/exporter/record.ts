/**
 * How a batch is written into a persistent queue:
 *
 *     message Record { uint32 version = 1;  uint32 signal = 2;  uint64 items = 3;
 *                      Client client = 4;   bytes request = 15; }
 *     message Client { string address = 1;  repeated Header metadata = 2; }
 *     message Header { string name = 1;     repeated string values = 2; }
 *
 * The request comes last, so that it is written as it is, without a copy. Credentials that a client
 * sent are not written: a disk is not the place for them. What cannot be read, or was written by a
 * version that does more, is a value, not an exception.
 */
import type { Client, OtlpBatch } from '../otlp/batch.ts'
import { LEN, tag, VARINT, WireWriter } from '../otlp/wire.ts'
import { FieldReader, type Malformed, WireSource } from '../otlp/wire_reader.ts'

const VERSION = 1
const SIGNALS = ['traces', 'metrics', 'logs'] as const
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** The parts, to be concatenated. */
export function encodeRecord({ signal, items, bytes, client }: OtlpBatch): Uint8Array[] {
  const writer = new WireWriter(256)
  writer.uint(tag(1, VARINT), VERSION)
  writer.uint(tag(2, VARINT), SIGNALS.indexOf(signal) + 1)
  writer.uint(tag(3, VARINT), items)
  if (client !== undefined) writeClient(writer, client)
  // Tag and length of the request, as of a varint field: what follows is its content.
  writer.uint(tag(15, LEN), bytes.length)
  return [writer.take(), bytes]
}

function writeClient(writer: WireWriter, { address, metadata = {} }: Client): void {
  const client = writer.open(tag(4, LEN), 1)
  if (address !== undefined) writer.string(tag(1, LEN), address)
  for (const [name, values] of Object.entries(metadata)) {
    if (CREDENTIALS.has(name)) continue
    const header = writer.open(tag(2, LEN), 1)
    writer.string(tag(1, LEN), name)
    for (const value of values) writer.string(tag(2, LEN), value)
    writer.close(header, 1)
  }
  writer.close(client, 1)
}

export function decodeRecord(bytes: Uint8Array): OtlpBatch | Malformed {
  const source = new WireSource(bytes)
  const reader = new FieldReader(source)
  let version = 0
  let signal: OtlpBatch['signal'] | undefined
  let items = 0
  let client: Client | undefined
  let request: Uint8Array | undefined
  reader.reset(0, bytes.length)
  while (reader.next()) {
    if (reader.wireType === VARINT) {
      if (reader.field === 1) version = reader.number
      if (reader.field === 2) signal = SIGNALS[reader.number - 1]
      if (reader.field === 3) items = reader.number
    } else if (reader.wireType === LEN) {
      if (reader.field === 4) client = readClient(source, reader)
      if (reader.field === 15) request = bytes.subarray(reader.start, reader.end)
    }
  }
  if (source.fault !== undefined) return source.fault
  const reason = reasonAgainst({ version, signal, request, items })
  if (signal === undefined || request === undefined || reason !== undefined) {
    return { kind: 'malformed', reason: reason ?? '', offset: 0 }
  }
  return { signal, items, bytes: request, ...(client !== undefined && { client }) }
}

function reasonAgainst(record: {
  version: number
  signal: string | undefined
  request: Uint8Array | undefined
  items: number
}): string | undefined {
  const { version, signal, request, items } = record
  if (version !== VERSION) return `version ${version} of the record is not known`
  if (signal === undefined) return 'the record names no signal'
  if (!Number.isSafeInteger(items)) return 'the number of items is out of range'
  return request === undefined ? 'the record holds no request' : undefined
}

function readClient(source: WireSource, at: FieldReader): Client {
  const fields = new FieldReader(source)
  const header = new FieldReader(source)
  const metadata: Record<string, string[]> = Object.create(null)
  let address: string | undefined
  fields.reset(at.start, at.end)
  while (fields.next()) {
    if (fields.wireType !== LEN) continue
    if (fields.field === 1) address = source.text(fields.start, fields.end)
    if (fields.field !== 2) continue
    let name = ''
    const values: string[] = []
    header.reset(fields.start, fields.end)
    while (header.next()) {
      if (header.wireType !== LEN) continue
      if (header.field === 1) name = source.text(header.start, header.end)
      if (header.field === 2) values.push(source.text(header.start, header.end))
    }
    metadata[name] = values
  }
  return {
    ...(address !== undefined && { address }),
    ...(Object.keys(metadata).length > 0 && { metadata: { ...metadata } }),
  }
}
