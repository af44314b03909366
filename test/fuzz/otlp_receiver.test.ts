import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import type { Encoding } from '../../pipeline/server/decompress.ts'
import { MessageReader } from '../../receivers/otlp/grpc/message.ts'
import { parseTimeout, percentEncode } from '../../receivers/otlp/grpc/metadata.ts'
import { encode } from '../proto/otlp.ts'
import { frame, RawGrpc, TRACES } from '../receivers/otlp/raw_grpc.ts'
import { receiving } from '../receivers/otlp/receiving.ts'

const MAX = 2000
const COMPRESS = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync, zlib: deflateSync }
const encodings = fc.constantFrom<Encoding>('gzip', 'deflate', 'zstd')
const { bytes } = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }],
})

/** Splits at the places, whatever they are. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (whole.length + 1)), whole.length]
  ends.sort((a, b) => a - b)
  return ends.map((end, i) => whole.subarray(i === 0 ? 0 : ends[i - 1], end))
}

/** What a call with these pieces is read as. */
function read(pieces: readonly Buffer[], encoding: Encoding | undefined) {
  const reader = new MessageReader(MAX, encoding)
  for (const piece of pieces) {
    const wrong = reader.add(piece)
    if (wrong !== undefined) return wrong
  }
  return reader.finish()
}

test('a gRPC message is read alike however it is cut, plain or compressed', () => {
  const message = fc.uint8Array({ maxLength: MAX })
  fc.assert(
    fc.property(
      message,
      fc.array(fc.nat(), { maxLength: 6 }),
      encodings,
      (body, cuts, encoding) => {
        const plain = read(cut(frame(body), cuts), undefined)
        assert.deepEqual(plain, Buffer.from(body))
        const compressed = COMPRESS[encoding](body)
        const read2 = read(cut(frame(compressed, { flag: 1 }), cuts), encoding)
        if (compressed.length <= MAX) assert.deepEqual(read2, Buffer.from(body))
        else assert.ok(!Buffer.isBuffer(read2) && read2.code === 8)
      },
    ),
    { numRuns: 500 },
  )
})

test('hostile frames end in a status, or in a message within the limit', () => {
  const prefix = fc.record({ flag: fc.nat(255), length: fc.nat(2 ** 32 - 1) })
  const near = fc.record({ flag: fc.nat(2), length: fc.nat(300) })
  fc.assert(
    fc.property(
      fc.oneof(prefix, near),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.option(encodings, { nil: undefined }),
      ({ flag, length }, body, cuts, encoding) => {
        const result = read(cut(frame(body, { flag, length }), cuts), encoding)
        if (Buffer.isBuffer(result)) assert.ok(result.length <= MAX)
        else assert.ok(result.code === 8 || result.code === 13)
      },
    ),
    { numRuns: 3000 },
  )
})

test('damaged compressed messages end in a status, or in a message within the limit', () => {
  const source = fc.oneof(fc.uint8Array({ maxLength: MAX }), fc.constant(new Uint8Array(100_000)))
  const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { maxLength: 4 })
  fc.assert(
    fc.property(source, encodings, damage, fc.nat(), (body, encoding, damages, length) => {
      let compressed = Buffer.from(COMPRESS[encoding](body))
      for (const { at, byte } of damages) compressed[at % compressed.length] = byte
      if (length % 3 === 0) compressed = compressed.subarray(0, length % (compressed.length + 1))
      const result = read([frame(compressed, { flag: 1 })], encoding)
      if (Buffer.isBuffer(result)) assert.ok(result.length <= MAX)
      else assert.ok(result.code === 8 || result.code === 13)
    }),
    { numRuns: 1000 },
  )
})

test('any grpc-message survives its encoding, any grpc-timeout is a number or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = percentEncode(text)
      assert.match(encoded, /^[\x20-\x7e]*$/)
      assert.equal(decodeURIComponent(encoded), Buffer.from(text).toString())
    }),
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 10 }), (text) => {
      const ms = parseTimeout(text)
      assert.ok(ms === undefined || (ms >= 0 && /^\d{1,8}[HMSmun]$/.test(text)))
    }),
  )
})

/** A receiver that holds little, so that whatever is left held shows at once. */
async function small(t: TestContext) {
  const received = await receiving(t, {
    more: { max_in_flight_size_mib: 1 },
    http: { read_timeout: '500ms', read_header_timeout: '500ms' },
  })
  const name = 'x'.repeat(900_000)
  const large = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] }).bytes
  const stillWorks = async () => {
    const answer = await new RawGrpc(t, received.grpc).call({ body: [frame(large)] })
    assert.equal(answer.code, 0, answer.message)
    assert.equal((await post(received.http, { body: large })).status, 200)
    for (const { bytes: taken } of received.sink.taken) {
      assert.equal(typeof checkRequest('traces', taken), 'number')
    }
  }
  return { ...received, stillWorks }
}

function post(base: string, { body, headers = {} }: { body: Uint8Array; headers?: object }) {
  const type = { 'content-type': 'application/x-protobuf' }
  return fetch(`${base}/v1/traces`, { method: 'POST', headers: { ...type, ...headers }, body })
}

const CODES = [200, 400, 415, 503]

test('whatever the body, HTTP answers it and lives on', async (t) => {
  const { http, stillWorks } = await small(t)
  const encoding = fc.constantFrom('', 'gzip', 'zstd', 'zlib', 'deflate', 'br')
  const type = fc.constantFrom('application/x-protobuf', 'application/json')
  const body = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(bytes))
  await fc.assert(
    fc.asyncProperty(body, encoding, type, fc.boolean(), async (plain, name, mime, honest) => {
      const compress = COMPRESS[name as keyof typeof COMPRESS]
      const sent = honest && compress !== undefined ? compress(plain) : plain
      const headers = { 'content-type': mime, ...(name !== '' && { 'content-encoding': name }) }
      const response = await post(http, { body: Uint8Array.from(sent), headers })
      await response.arrayBuffer()
      assert.ok(CODES.includes(response.status), String(response.status))
    }),
    { numRuns: 200 },
  )
  await stillWorks()
})

test('whatever the message, gRPC answers it, whenever a client gives up, and lives on', async (t) => {
  const { grpc, stillWorks } = await small(t)
  const client = new RawGrpc(t, grpc)
  const message = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(bytes))
  const encoding = fc.constantFrom('identity', 'gzip', 'zstd', 'deflate')
  await fc.assert(
    fc.asyncProperty(message, fc.nat(2), encoding, async (plain, flag, name) => {
      const headers = { 'grpc-encoding': name }
      const { http, code } = await client.call({ headers, body: [frame(plain, { flag })] })
      assert.equal(http, 200)
      assert.ok([0, 8, 13].includes(code), String(code))
    }),
    { numRuns: 200 },
  )
  await fc.assert(
    fc.asyncProperty(message, fc.nat(), fc.nat(8), async (plain, length, code) => {
      const request = { ':method': 'POST', ':path': TRACES, 'content-type': 'application/grpc' }
      const stream = client.session.request(request)
      stream.on('error', () => {})
      const whole = frame(plain)
      const closed = new Promise((resolve) => stream.once('close', resolve))
      stream.write(whole.subarray(0, length % whole.length), () => stream.close(code))
      await closed
    }),
    { numRuns: 200 },
  )
  await stillWorks()
})

test('whatever comes over a connection, the servers live on', async (t) => {
  const { grpc, http, stillWorks } = await small(t)
  const starts = [
    Buffer.alloc(0),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from('POST /v1/traces HTTP/1.1\r\ntransfer-encoding: chunked\r\n'),
    Buffer.from('POST /v1/traces HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 5'),
  ]
  const ports = [Number(grpc.split(':')[1]), Number(new URL(http).port)]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ports),
      fc.constantFrom(...starts),
      fc.uint8Array({ maxLength: 200 }),
      async (port, start, rest) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => {})
        const closed = new Promise((resolve) => socket.once('close', resolve))
        socket.resume()
        socket.end(Buffer.concat([start, rest]))
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 20))])
        socket.destroy()
      },
    ),
    { numRuns: 300 },
  )
  await stillWorks()
})
