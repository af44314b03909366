import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TABLE_SIZE_MAX } from '../../pipeline/requests/http2/dynamic_table.ts'
import { Fields } from '../../pipeline/requests/http2/fields.ts'
import { Hpack } from '../../pipeline/requests/http2/hpack.ts'
import { Shared } from '../../pipeline/requests/shared.ts'
import { begin, frame } from '../pipeline/requests/http2/wire.ts'
import { client, server, Talk } from '../pipeline/requests/talk.ts'

const RUNS = 2000

test('header blocks of any bytes are read to an end, within the bounds', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (blocks) => {
      const shared = new Shared(() => ({ query: 'redact', dnsTimeoutNs: 1e10 }))
      const hpack = new Hpack(shared)
      const fields = new Fields()
      for (const block of blocks) {
        const bytes = Buffer.from(block)
        const end = hpack.read(fields, bytes, { at: 0, to: bytes.length })
        if (end !== 'ok') hpack.forget()
        assert.ok(fields.path.length <= 4096)
        assert.ok(shared.keptBytes <= TABLE_SIZE_MAX)
      }
      hpack.release()
      assert.equal(shared.keptBytes, 0)
    }),
    { numRuns: RUNS },
  )
})

test('frames of any kind, flags and bodies leave memory in bounds, and nothing behind', () => {
  const any = fc.record({
    isClient: fc.boolean(),
    type: fc.integer({ min: 0, max: 10 }),
    flags: fc.nat(255),
    stream: fc.nat(12),
    body: fc.uint8Array({ maxLength: 60 }),
  })
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (frames) => {
      const talk = new Talk({ port: 80 }).say(...begin)
      for (const { isClient, type, flags, stream, body } of frames) {
        const bytes = frame(type, stream, { flags, body })
        talk.say(isClient ? client(bytes) : server(bytes))
        assert.ok(talk.memory().headBytes <= 2 * TABLE_SIZE_MAX)
        assert.ok(talk.memory().openExchanges <= 128)
      }
      talk.end()
      assert.equal(talk.memory().headBytes, 0)
      assert.equal(talk.memory().openExchanges, 0)
    }),
    { numRuns: RUNS },
  )
})
