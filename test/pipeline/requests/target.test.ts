import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  authorityIn,
  authorityOf,
  pathAt,
  pathIn,
  pathOf,
} from '../../../pipeline/requests/target.ts'
import { placeOf } from '../../../pipeline/requests/texts.ts'

const TARGETS: [target: string, redacted: string, dropped: string, kept: string][] = [
  ['/', '/', '/', '/'],
  ['/a?q=secret', '/a?q=REDACTED', '/a', '/a?q=secret'],
  ['/a?q=1&token&r=', '/a?q=REDACTED&REDACTED&r=REDACTED', '/a', '/a?q=1&token&r='],
  ['/a?', '/a?', '/a', '/a?'],
  ['/a?b=c=d?e', '/a?b=REDACTED', '/a', '/a?b=c=d?e'],
  ['/a#f?b=c', '/a', '/a', '/a'],
  ['/a?b=c#f', '/a?b=REDACTED', '/a', '/a?b=c'],
  ['http://me:pw@h:1/a?b=c', '/a?b=REDACTED', '/a', '/a?b=c'],
  ['http://h?b=c', '/?b=REDACTED', '/', '/?b=c'],
  ['http://h', '/', '/', '/'],
  ['*', '*', '*', '*'],
  ['h:443', 'h:443', 'h:443', 'h:443'],
]

for (const [target, redacted, dropped, kept] of TARGETS) {
  test(`${target} is redacted to ${redacted}`, () => {
    assert.equal(pathOf(target, 'redact'), redacted)
    assert.equal(pathOf(target, 'keep'), kept)
    assert.equal(pathOf(target, 'drop'), dropped)
  })
}

test('a path is the same whether its target is kept among texts, was before, or is too long', () => {
  for (const target of [...TARGETS, ...TARGETS]) {
    const [text, redacted, dropped, kept] = target
    const bytes = Buffer.from(text, 'latin1')
    assert.equal(pathIn(bytes, 'redact', 0, bytes.length), redacted)
    assert.equal(pathIn(bytes, 'drop', 0, bytes.length), dropped)
    assert.equal(pathIn(bytes, 'keep', 0, bytes.length), kept)
    for (const place of [placeOf(bytes, 0, bytes.length), -1]) {
      assert.equal(pathAt(place, text, 'redact'), redacted)
      assert.equal(pathAt(place, text, 'drop'), dropped)
      assert.equal(pathAt(place, text, 'keep'), kept)
    }
  }
  const long = Buffer.alloc(300, 'a')
  assert.equal(pathIn(long, 'redact', 0, long.length), long.toString())
  assert.equal(placeOf(long, 0, long.length), -1)
})

test('a path of bytes is that of their text', () => {
  const target = fc.string({ unit: fc.constantFrom(...'/?#=&a1:%'), maxLength: 20 })
  fc.assert(
    fc.property(target, fc.constantFrom('redact', 'drop', 'keep'), (text, policy) => {
      const bytes = Buffer.from(`?${text}#`)
      assert.equal(pathIn(bytes, policy, 1, 1 + text.length), pathOf(text, policy))
    }),
    { numRuns: 2000 },
  )
})

test('an absolute-form target names the authority, without credentials', () => {
  assert.equal(authorityOf('http://me:pw@h:1/a'), 'h:1')
  assert.equal(authorityOf('/a'), '')
  assert.equal(authorityOf('*'), '')
  assert.equal(authorityIn(Buffer.from('http://me:pw@h:1/a'), 0, 18), 'h:1')
  assert.equal(authorityIn(Buffer.from('/a'), 0, 2), '')
})
