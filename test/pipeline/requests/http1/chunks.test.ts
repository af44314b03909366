import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chunks } from '../../../../pipeline/requests/http1/chunks.ts'

const BODIES: [string, string][] = [
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n'],
  ['two chunks', '1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n'],
  ['extensions', '5;a=b;c\r\nhello\r\n0;z\r\n\r\n'],
  ['trailers', '5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n'],
  ['bare LFs', '5\nhello\n0\n\n'],
  ['no data', '0\r\n\r\n'],
]

for (const [name, text] of BODIES) {
  test(`a chunked body with ${name} ends where it ends, however it is cut`, () => {
    const bytes = Buffer.from(`${text}NEXT`)
    for (let cut = 0; cut <= text.length; cut++) {
      const chunks = new Chunks()
      const at = chunks.take(bytes, 0, cut)
      assert.equal(at, cut)
      assert.equal(chunks.take(bytes, at, bytes.length), text.length, `cut at ${cut}`)
      assert.ok(chunks.done && !chunks.failed)
    }
  })
}

for (const text of [
  'x\r\n',
  '\r\n',
  '5\r\nhelloX',
  '5\r\nhello\rX',
  '0\r\n\rX',
  'ffffffffffffffff',
]) {
  test(`${JSON.stringify(text)} is no chunked body`, () => {
    const chunks = new Chunks()
    chunks.take(Buffer.from(text), 0, text.length)
    assert.ok(chunks.failed && !chunks.done)
  })
}

test('data that was not seen is skipped as far as its chunk goes', () => {
  for (const [skipped, rest] of [
    [5, '\r\n0\r\n\r\n'],
    [6, '\n0\r\n\r\n'],
    [7, '0\r\n\r\n'],
  ] as const) {
    const chunks = new Chunks()
    chunks.take(Buffer.from('a\r\nabcde'), 0, 8)
    assert.ok(chunks.skip(skipped))
    assert.equal(chunks.take(Buffer.from(rest), 0, rest.length), rest.length)
    assert.ok(chunks.done, `${skipped}`)
  }
})

test('beyond its chunk the place is lost', () => {
  const chunks = new Chunks()
  chunks.take(Buffer.from('5\r\n'), 0, 3)
  assert.equal(chunks.skip(8), false)
  assert.equal(new Chunks().skip(1), false)
})
