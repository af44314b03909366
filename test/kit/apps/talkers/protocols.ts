/** Requests with numbers, in the bytes of five protocols, and where their answers end. */
import type { Numbered, Protocol } from './talker.ts'

const LF = 10
const BYTES_MAX = 3000

function sizeOf(id: number): number {
  return (id * 7919) % BYTES_MAX
}

/** Answers are lines. */
function line(come: Buffer): number {
  return come.indexOf(LF) + 1
}

const redis: Protocol = {
  name: 'redis',
  hello: [],
  answer: line,
  request(id) {
    const command = (...words: string[]): Buffer =>
      Buffer.from(`*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`)
    if (id % 3 === 0) return { bytes: command('GET', `n:${id}`) }
    if (id % 3 === 1) return { bytes: command('SET', `n:${id}`, 'x'.repeat(sizeOf(id))) }
    return { bytes: command('INCRBY', `n:${id}`, 'x'), error: 'ERR' }
  },
}

const memcached: Protocol = {
  name: 'memcached',
  hello: [],
  answer: line,
  request(id) {
    if (id % 3 === 0) return { bytes: Buffer.from(`get n:${id}\r\n`) }
    if (id % 3 === 1) return { bytes: Buffer.from(`incr n:${id} 1\r\n`) }
    const size = sizeOf(id)
    return { bytes: Buffer.from(`set n:${id} 0 0 ${size}\r\n${'x'.repeat(size)}\r\n`) }
  },
}

/** Every fifth fails: there is no such table. */
function sqlOf(id: number): { text: string; fails: boolean } {
  const fails = id % 5 === 0
  return {
    text: fails ? `SELECT * FROM n${id}` : `SELECT repeat('x', ${sizeOf(id)}) AS n${id}`,
    fails,
  }
}

function postgresqlMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(type.length + 4)
  head.write(type)
  head.writeInt32BE(body.length + 4, type.length)
  return Buffer.concat([head, body])
}

const postgresql: Protocol = {
  name: 'postgresql',
  hello: [
    () => {
      const version = Buffer.from([0, 3, 0, 0])
      const names = Buffer.from('user\0bench\0database\0postgres\0\0')
      return postgresqlMessage('', Buffer.concat([version, names]))
    },
  ],
  /** Up to ReadyForQuery. */
  answer(come) {
    for (let at = 0; at + 5 <= come.length; ) {
      const end = at + 1 + come.readInt32BE(at + 1)
      if (end > come.length) return 0
      if (come[at] === 0x5a) return end
      at = end
    }
    return 0
  },
  request(id): Numbered {
    const { text, fails } = sqlOf(id)
    const bytes = postgresqlMessage('Q', Buffer.from(`${text}\0`))
    return fails ? { bytes, error: '42P01' } : { bytes }
  },
}

function mysqlPacket(sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUIntLE(body.length, 0, 3)
  head[3] = sequence
  return Buffer.concat([head, body])
}

const PROTOCOL_41 = 0x200
const SECURE_CONNECTION = 0x8000
const COM_QUERY = 3
const ERR = 0xff
const EOF = 0xfe

const mysql: Protocol = {
  name: 'mysql',
  isGreeted: true,
  hello: [
    () => {
      const body = Buffer.alloc(32)
      body.writeUInt32LE(PROTOCOL_41 | SECURE_CONNECTION | 8, 0)
      body.writeUInt32LE(1 << 24, 4)
      body[8] = 33
      return mysqlPacket(1, Buffer.concat([body, Buffer.from('bench\0\0shop\0')]))
    },
  ],
  /** A packet by itself (a greeting, OK, an error), or all up to the second EOF of a result. */
  answer(come) {
    let ends = 0
    for (let at = 0; at + 5 <= come.length; ) {
      const length = come.readUIntLE(at, 3)
      const end = at + 4 + length
      if (end > come.length) return 0
      const first = come[at + 4]
      if (at === 0 && (first === 0 || first === ERR || first === 10)) return end
      if (first === EOF && length < 9 && ++ends === 2) return end
      at = end
    }
    return 0
  },
  request(id): Numbered {
    const { text, fails } = sqlOf(id)
    const bytes = mysqlPacket(0, Buffer.concat([Buffer.of(COM_QUERY), Buffer.from(text)]))
    return fails ? { bytes, error: '1146' } : { bytes }
  },
}

const METADATA = 3
const VERSION = 1
const CLIENT_ID = 'numbered'

const kafka: Protocol = {
  name: 'kafka',
  hello: [],
  answer: (come) => {
    const end = come.length < 4 ? 0 : 4 + come.readInt32BE(0)
    return end <= come.length ? end : 0
  },
  /** Metadata of a topic that is not there. */
  request(id) {
    const topic = `n${id}`
    const bytes = Buffer.alloc(4 + 8 + 2 + CLIENT_ID.length + 4 + 2 + topic.length)
    bytes.writeInt32BE(bytes.length - 4, 0)
    bytes.writeInt16BE(METADATA, 4)
    bytes.writeInt16BE(VERSION, 6)
    bytes.writeInt32BE(id, 8)
    bytes.writeInt16BE(CLIENT_ID.length, 12)
    bytes.write(CLIENT_ID, 14)
    const at = 14 + CLIENT_ID.length
    bytes.writeInt32BE(1, at)
    bytes.writeInt16BE(topic.length, at + 4)
    bytes.write(topic, at + 6)
    return { bytes, error: 'UNKNOWN_TOPIC_OR_PARTITION' }
  },
}

export const PROTOCOLS: readonly Protocol[] = [redis, memcached, postgresql, mysql, kafka]
