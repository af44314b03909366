/** Messages of Kafka, by hand: names of fields as in its protocol guide. */
import { client, type Said, server } from '../talk.ts'

export const PORT = 9092
export const CLIENT_ID = 'shop'

export function u8(...values: readonly number[]): Buffer {
  return Buffer.from(values)
}

export function i16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

export function i32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

export function i64(value: number): Buffer {
  return Buffer.concat([i32(0), i32(value)])
}

export function text(value: string): Buffer {
  return Buffer.concat([i16(value.length), Buffer.from(value)])
}

export function compact(value: string): Buffer {
  return Buffer.concat([u8(value.length + 1), Buffer.from(value)])
}

export function array(...elements: readonly Buffer[]): Buffer {
  return Buffer.concat([i32(elements.length), ...elements])
}

export interface Head {
  readonly key: number
  readonly version: number
  readonly correlation: number
  readonly flexible?: boolean
  readonly clientId?: string
}

export function request(head: Head, ...body: readonly Buffer[]): Said {
  const all = [
    i16(head.key),
    i16(head.version),
    i32(head.correlation),
    text(head.clientId ?? CLIENT_ID),
    ...(head.flexible ? [u8(0)] : []),
    ...body,
  ]
  return client(framed(all))
}

export function response(correlation: number, ...body: readonly Buffer[]): Said {
  return server(framed([i32(correlation), ...body]))
}

function framed(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([i32(body.length), body])
}

/** A batch of so many messages, of so many bytes together. */
export function batch(messages: number, bytes = 100): Buffer {
  const head = Buffer.alloc(61 + bytes)
  head.writeInt32BE(head.length - 12, 8)
  head.writeInt8(2, 16)
  head.writeInt32BE(messages, 57)
  return head
}

/** Produce 3, of one partition for each topic. */
export function produce(
  correlation: number,
  topics: Readonly<Record<string, Buffer>>,
  acks = 1,
): Said {
  const data = Object.entries(topics).map(([name, records]) =>
    Buffer.concat([text(name), array(Buffer.concat([i32(2), i32(records.length), records]))]),
  )
  const head = { key: 0, version: 3, correlation }
  return request(head, i16(-1), i16(acks), i32(1000), array(...data))
}

export function produced(correlation: number, topics: Readonly<Record<string, number>>): Said {
  const data = Object.entries(topics).map(([name, error]) =>
    Buffer.concat([text(name), array(Buffer.concat([i32(2), i16(error), i64(7), i64(0)]))]),
  )
  return response(correlation, array(...data), i32(0))
}

export interface Fetching {
  readonly session?: number
  readonly epoch?: number
  readonly topics?: readonly string[]
  readonly forgotten?: readonly string[]
}

/** Fetch 7, of partition 2 of each topic. */
export function fetch(correlation: number, of: Fetching = {}): Said {
  const partition = Buffer.concat([i32(2), i64(0), i64(0), i32(1 << 20)])
  const topic = (name: string) => Buffer.concat([text(name), array(partition)])
  const gone = (name: string) => Buffer.concat([text(name), array(i32(2))])
  return request(
    { key: 1, version: 7, correlation },
    ...[i32(-1), i32(500), i32(1), i32(1 << 20), u8(0)],
    ...[i32(of.session ?? 0), i32(of.epoch ?? -1)],
    array(...(of.topics ?? []).map(topic)),
    array(...(of.forgotten ?? []).map(gone)),
  )
}

export function fetched(
  correlation: number,
  of: { session?: number; topics?: Readonly<Record<string, Buffer>>; error?: number } = {},
): Said {
  const topics = Object.entries(of.topics ?? {}).map(([name, records]) => {
    const state = [i32(2), i16(of.error ?? 0), i64(9), i64(9), i64(0), i32(-1)]
    const partition = Buffer.concat([...state, i32(records.length), records])
    return Buffer.concat([text(name), array(partition)])
  })
  return response(correlation, i32(0), i16(0), i32(of.session ?? 0), array(...topics))
}

/** Heartbeat 0. */
export function heartbeat(correlation: number, group = 'billing'): readonly [Said, Said] {
  const asked = request({ key: 12, version: 0, correlation }, text(group), i32(1), text('me'))
  return [asked, response(correlation, i16(0))]
}
