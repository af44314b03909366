import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { BearerTokenAuth } from '../../../extensions/bearertokenauth/bearertokenauth.ts'
import { type BearerConfig, schema, validate } from '../../../extensions/bearertokenauth/config.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const MISMATCH = 'provided authorization does not match expected scheme or token'
const MISSING = 'missing or empty authorization header: authorization'

function auth(config: Partial<BearerConfig>): BearerTokenAuth {
  return new BearerTokenAuth(settingsOf(), schema.parse(config))
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowspan-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((done) => setTimeout(done, 20))
}

test('the defaults are the Collector’s', () => {
  const token = 's3cret'
  const expected = { header: 'Authorization', scheme: 'Bearer', token, tokens: [], filename: '' }
  assert.deepEqual(schema.parse({ token }), expected)
})

test('what cannot be a token is refused, and not quoted', () => {
  const cases: [Partial<BearerConfig>, RegExp][] = [
    [{}, /^no bearer token provided$/],
    [{ token: 'a', tokens: ['b'] }, /^either tokens or token should be provided, not both$/],
    [{ token: 'a', header: 'a b' }, /HTTP header/],
    [{ token: 'a', scheme: 'a b' }, /one word/],
    [{ token: 'the\nsecret' }, /visible ASCII/],
    [{ tokens: ['fine', 'the secret'] }, /visible ASCII/],
  ]
  for (const [config, message] of cases) {
    const problems = validate(schema.parse(config))
    assert.equal(problems.length, 1)
    assert.match(problems[0]?.message ?? '', message)
    assert.doesNotMatch(JSON.stringify(problems), /secret/)
  }
})

test('a request with the token is let in, any other is refused without being quoted', () => {
  const bearer = auth({ token: 's3cret' })
  assert.equal(bearer.authenticate({ authorization: 'Bearer s3cret' }), undefined)
  assert.equal(bearer.authenticate({ authorization: 'bearer  s3cret' }), undefined)
  assert.equal(bearer.authenticate({ authorization: ['Bearer s3cret', 'x'] }), undefined)
  assert.equal(bearer.authenticate({}), MISSING)
  assert.equal(bearer.authenticate({ authorization: '' }), MISSING)
  assert.equal(bearer.authenticate({ authorization: [] }), MISSING)
  for (const wrong of ['s3cret', 'Bearer', 'Bearer ', 'Bearers3cret', 'Basic s3cret']) {
    assert.equal(bearer.authenticate({ authorization: wrong }), MISMATCH, wrong)
  }
  for (const wrong of ['Bearer s3cre', 'Bearer s3cret2', `Bearer ${'x'.repeat(10_000)}`]) {
    assert.equal(bearer.authenticate({ authorization: wrong }), MISMATCH)
  }
})

test('each of `tokens` is let in and the first one is sent', () => {
  const bearer = auth({ tokens: ['one', 'two'], header: 'X-Token', scheme: '' })
  assert.equal(bearer.authenticate({ 'x-token': 'one' }), undefined)
  assert.equal(bearer.authenticate({ 'x-token': 'two' }), undefined)
  assert.equal(bearer.authenticate({ 'x-token': 'three' }), MISMATCH)
  assert.deepEqual(bearer.credentials(), { 'x-token': 'one' })
})

test('a token in a file rotates, by renaming and by a symbolic link as the kubelet does it', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'a'), 'first  of the agents\n\nsecond\n')
  writeFileSync(join(folder, 'b'), 'third')
  symlinkSync('a', join(folder, 'token'))
  const bearer = auth({ filename: join(folder, 'token'), token: 'ignored' })
  assert.deepEqual(bearer.credentials(), { authorization: 'Bearer first' })
  assert.equal(bearer.authenticate({ authorization: 'Bearer second' }), undefined)
  assert.equal(bearer.authenticate({ authorization: 'Bearer ignored' }), MISMATCH)
  assert.equal(bearer.authenticate({ authorization: 'Bearer ' }), MISMATCH)

  symlinkSync('b', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'token'))
  await until(() => bearer.credentials().authorization === 'Bearer third')
  assert.equal(bearer.authenticate({ authorization: 'Bearer first' }), MISMATCH)
})

test('a file that was emptied changes nothing, and is told of without the token', async (t) => {
  const path = join(folderOf(t), 'token')
  writeFileSync(path, 's3cret')
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const config = schema.parse({ filename: path })
  const bearer = new BearerTokenAuth(settingsOf({ logger }), config)
  const host = hostOf()
  bearer.start(host)

  writeFileSync(path, '\n')
  await until(() => {
    assert.deepEqual(bearer.credentials(), { authorization: 'Bearer s3cret' })
    return host.reports.length > 0
  })
  assert.deepEqual(host.reports, [
    { status: 'recoverable_error', reason: 'extensions::test::filename: it holds no token' },
  ])
  writeFileSync(path, 's3cret2')
  await until(() => bearer.credentials().authorization === 'Bearer s3cret2')
  assert.deepEqual(host.reports.at(-1), { status: 'ok' })
  assert.match(lines.join(''), /Cannot read the file again/)
  assert.doesNotMatch(lines.join(''), /s3cret/)
})

test('a file that cannot be used ends the start, naming the option', (t) => {
  const path = join(folderOf(t), 'token')
  assert.throws(() => auth({ filename: path }), /^Error: extensions::test::filename: .*ENOENT/)
  writeFileSync(path, Buffer.alloc(2 * 1024 * 1024, 'x'))
  assert.throws(() => auth({ filename: path }), /it has 2097152 bytes, at most 1048576 are read/)
})
