import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorityOf, pathAt, pathOf } from '../../../../pipeline/requests/http1/target.ts'
import { placeOf } from '../../../../pipeline/requests/http1/texts.ts'

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
    for (const place of [placeOf(bytes, 0, bytes.length), -1]) {
      assert.equal(pathAt(place, text, 'redact'), redacted)
      assert.equal(pathAt(place, text, 'drop'), dropped)
      assert.equal(pathAt(place, text, 'keep'), kept)
    }
  }
  const long = Buffer.alloc(300, 'a')
  assert.equal(placeOf(long, 0, long.length), -1)
})

test('an absolute-form target names the authority, without credentials', () => {
  assert.equal(authorityOf('http://me:pw@h:1/a'), 'h:1')
  assert.equal(authorityOf('/a'), '')
  assert.equal(authorityOf('*'), '')
})
