import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fields } from '../../../../pipeline/requests/http2/fields.ts'
import { Hpack } from '../../../../pipeline/requests/http2/hpack.ts'
import { readHuffman } from '../../../../pipeline/requests/http2/huffman.ts'
import { Shared } from '../../../../pipeline/requests/shared.ts'

function decoder(keptBytesMax = 32 << 20) {
  const options = () => ({ query: 'redact', dnsTimeoutNs: 1e10 }) as const
  const shared = new Shared(options, { keptBytesMax })
  const hpack = new Hpack(shared)
  const fields = new Fields()
  const read = (hex: string) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    const end = hpack.read(fields, bytes, { at: 0, to: bytes.length })
    const { method, path, authority, status, isRequest, unknown } = fields
    return { end, method, path, authority, status, isRequest, unknown }
  }
  return { hpack, shared, fields, read }
}

const REQUEST = {
  end: 'ok',
  method: 'GET',
  path: '/',
  authority: 'www.example.com',
  status: 0,
  isRequest: true,
  unknown: 0,
}
const RESPONSE = { ...REQUEST, method: '', path: '', authority: '', isRequest: false }

test('a literal with a new name is indexed, as in RFC 7541 C.2.1', () => {
  const { read, shared } = decoder()
  const literal = '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'
  assert.equal(read(literal).end, 'ok')
  // Of a field that nobody asks for, nothing but its place is kept.
  assert.equal(shared.keptBytes, 32)
  assert.equal(read('be').end, 'ok')
  assert.equal(read('bf').end, 'bad')
})

test('literals that are not indexed, and indexed fields, as in RFC 7541 C.2.2 to C.2.4', () => {
  const { read, shared } = decoder()
  assert.equal(read('040c 2f73 616d 706c 652f 7061 7468').path, '/sample/path')
  assert.equal(read('1008 7061 7373 776f 7264 0673 6563 7265 74').end, 'ok')
  assert.equal(read('82').method, 'GET')
  assert.equal(shared.keptBytes, 0)
})

for (const [name, blocks] of [
  [
    'C.3',
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
  ],
  [
    'C.4, in the Huffman code',
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ],
] as const) {
  test(`three requests share a table, as in RFC 7541 ${name}`, () => {
    const { read } = decoder()
    assert.deepEqual(read(blocks[0]), REQUEST)
    assert.deepEqual(read(blocks[1]), REQUEST)
    assert.deepEqual(read(blocks[2]), { ...REQUEST, path: '/index.html' })
  })
}

for (const [name, blocks] of [
  [
    'C.5',
    [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a ' +
        '3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 ' +
        '677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 ' +
        '553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
  ],
  [
    'C.6, in the Huffman code',
    [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e ' +
        '919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 ' +
        '821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed ' +
        '4ee5 b106 3d50 07',
    ],
  ],
] as const) {
  test(`a table of 256 bytes evicts, as in RFC 7541 ${name}`, () => {
    const { read, shared } = decoder()
    assert.equal(read('3fe101').end, 'ok')
    assert.deepEqual(read(blocks[0]), { ...RESPONSE, status: 302 })
    // ":status 302" has gone for ":status 307": four entries are left, one with a value we keep.
    assert.deepEqual(read(blocks[1]), { ...RESPONSE, status: 307 })
    assert.equal(shared.keptBytes, 4 * 32 + 3)
    assert.deepEqual(read(blocks[2]), { ...RESPONSE, status: 200 })
    assert.equal(shared.keptBytes, 3 * 32)
    assert.equal(read('c1').end, 'bad')
  })
}

test('the same code is read anew for another field, and again when it comes again', () => {
  const { read } = decoder()
  const code = '8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'
  for (let i = 0; i < 3; i++) {
    assert.equal(read(`01${code}`).authority, 'www.example.com')
    assert.equal(read(`04${code}`).path, 'www.example.com')
    assert.equal(read(`08${code}`).status, 0)
    assert.equal(read('0882 6402').status, 302)
    assert.equal(read('0482 6402').path, '302')
    // Seven ones at most may stand behind the last byte's code.
    assert.equal(read('0482 ffff').end, 'bad')
  }
})

test('two traceparents are none, whichever of them is valid alone', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const invalid = `${valid.slice(0, 54)}g`
  const { hpack, fields } = decoder()
  const traces = (...values: string[]) => {
    const bytes = Buffer.from(values.map((value) => `\x00\x0btraceparent\x37${value}`).join(''))
    assert.equal(hpack.read(fields, bytes, { at: 0, to: bytes.length }), 'ok')
    return fields.traces
  }
  assert.equal(traces(valid), 1)
  assert.equal(traces(invalid), 0)
  assert.notEqual(traces(valid, valid), 1)
  assert.notEqual(traces(valid, invalid), 1)
})

test('the Huffman code refuses EOS, long paddings, and paddings with a zero', () => {
  const out = Buffer.alloc(16)
  const length = (hex: string) => {
    const bytes = Buffer.from(hex, 'hex')
    return readHuffman(out, bytes, { at: 0, to: bytes.length })
  }
  assert.equal(length('1f'), 1)
  assert.equal(out[0], 0x61)
  assert.equal(length('1e'), -1)
  assert.equal(length('1fff'), -1)
  assert.equal(length('fffffffc'), -1)
  assert.equal(length(''), 0)
})

test('entries before a loss are unknown, those behind it known by their place', () => {
  const { hpack, read } = decoder()
  read('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d')
  hpack.forget()
  assert.deepEqual(read('8286 84be'), { ...REQUEST, authority: '', unknown: 1 })
  assert.equal(read('4403 2f61 62').path, '/ab')
  assert.deepEqual(read('82 be bf'), {
    ...REQUEST,
    path: '/ab',
    authority: '',
    unknown: 1,
  })
  // A value under an unknown name keeps its place, and stays unknown.
  assert.equal(read('7f 01 01 78').unknown, 1)
  assert.deepEqual([read('be').unknown, read('bf').path], [1, '/ab'])
})

test('a table shrinks and grows by updates, and is bounded whatever they say', () => {
  const { read, shared } = decoder()
  const literal = '4403 2f61 62'
  read(literal)
  assert.equal(read('20').end, 'ok')
  assert.equal(shared.keptBytes, 0)
  assert.equal(read(literal).path, '/ab')
  assert.equal(read('be').end, 'bad')
  assert.equal(read('3fe1ff7f').end, 'ok')
  for (let i = 0; i < 5000; i++) read(literal)
  assert.ok(shared.keptBytes <= 65_536)
})

test('where no memory is left the table is forgotten, and nothing of it said wrongly', () => {
  const { read, shared } = decoder(80)
  const literal = '4403 2f61 62'
  assert.deepEqual([read(literal).path, read(literal).path], ['/ab', '/ab'])
  assert.equal(read(literal).path, '/ab')
  assert.ok(shared.keptBytes <= 80)
  assert.deepEqual([read('bf').path, read('bf').unknown], ['', 1])
})

test('integers are read to the end of their block, and bounded', () => {
  const { read } = decoder()
  assert.equal(read('ff').end, 'cut')
  assert.equal(read('ff80').end, 'cut')
  assert.equal(read('ffffffffffff00').end, 'bad')
  assert.equal(read('80').end, 'bad')
  assert.equal(read('0004 7061').end, 'cut')
})
