import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { BasicAuthClient } from '../../../extensions/basicauth/client.ts'
import { type BasicConfig, schema, validate } from '../../../extensions/basicauth/config.ts'
import { BasicAuthServer } from '../../../extensions/basicauth/server.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const INVALID = 'invalid credentials'
/** `openssl passwd -6 -salt saltsalt Password` */
const SHA512 =
  '$6$saltsalt$FxOz1/0OgdO5Rhbk9mNVswJYBtw9HwOmeHAOmn9Awl.Y3Z/A0PSLja52Fx31E11qxuKl.YnTn1o0z9b21Kt7K0'

function server(htpasswd: { file?: string; inline?: string }): BasicAuthServer {
  const config = schema.parse({ htpasswd })
  return new BasicAuthServer(settingsOf(), config.htpasswd as never)
}

function basic(user: string, password: string) {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowspan-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'file'), text)
  return join(folder, 'file')
}

test('either users or a client is demanded, in the Collector’s words', () => {
  const client_auth = { username: 'a' }
  const cases: [object, string | undefined][] = [
    [{}, 'no credential source provided'],
    [{ htpasswd: {} }, 'no credential source provided'],
    [{ client_auth: {} }, 'no credential source provided'],
    [{ client_auth: { username: 'a:b' } }, 'must not contain ":"'],
    [
      { client_auth, htpasswd: { inline: 'a:b' } },
      'only one of `htpasswd` or `client_auth` can be specified',
    ],
    [{ client_auth }, undefined],
    [{ htpasswd: { inline: 'a:b' } }, undefined],
  ]
  for (const [config, message] of cases) {
    const problems = validate(schema.parse(config) as BasicConfig)
    assert.equal(problems[0]?.message, message, JSON.stringify(config))
  }
})

test('a user with the right password is let in, nobody else', async () => {
  const auth = server({ inline: `# agents\nann:open:sesame\nbob:${SHA512}\n` })
  assert.equal(await auth.authenticate(basic('ann', 'open:sesame')), undefined)
  assert.equal(await auth.authenticate(basic('bob', 'Password')), undefined)
  // Remembered: now it is said at once.
  assert.equal(auth.authenticate(basic('bob', 'Password')), undefined)
  assert.equal(await auth.authenticate(basic('bob', 'password')), INVALID)
  assert.equal(await auth.authenticate(basic('ann', 'Password')), INVALID)
  assert.equal(await auth.authenticate(basic('eve', 'open:sesame')), INVALID)
  assert.equal(await auth.authenticate(basic('', '')), INVALID)
  assert.equal(await auth.authenticate(basic('bob', 'x'.repeat(10_000))), INVALID)
})

test('what is no basic credential is told by kind', () => {
  const auth = server({ inline: 'ann:open' })
  const cases: [string | undefined, string][] = [
    [undefined, 'no basic auth provided'],
    ['', 'no basic auth provided'],
    ['Bearer x', 'invalid authorization scheme prefix'],
    ['Basic', 'invalid authorization scheme prefix'],
    ['Basic !!', 'invalid authorization format'],
    [`Basic ${Buffer.from('no colon').toString('base64')}`, 'invalid authorization format'],
  ]
  for (const [authorization, why] of cases) {
    assert.equal(auth.authenticate({ authorization }), why)
  }
})

test('users of a file rotate; those inline win, and what was remembered is forgotten', async (t) => {
  const file = fileOf(t, 'ann:old\nbob:of the file\n')
  const auth = server({ file, inline: 'bob:inline' })
  assert.equal(await auth.authenticate(basic('ann', 'old')), undefined)
  assert.equal(await auth.authenticate(basic('bob', 'of the file')), INVALID)
  assert.equal(await auth.authenticate(basic('bob', 'inline')), undefined)
  writeFileSync(file, 'ann:new password')
  while ((await auth.authenticate(basic('ann', 'new password'))) !== undefined) {
    await new Promise((done) => setTimeout(done, 20))
  }
  assert.equal(await auth.authenticate(basic('ann', 'old')), INVALID)
})

test('a hash that cannot be checked is refused by name, with its line and without itself', (t) => {
  const cases: [string, RegExp][] = [
    ['ann:$2y$05$abcdefghijklmnopqrstuv', /line 2 is hashed by bcrypt/],
    ['ann:$y$j9T$secret$secret', /line 2 is hashed by yescrypt/],
    ['ann:$argon2id$v=19$secret', /line 2 is hashed by argon2id/],
    ['ann:{SMD5}secret', /line 2 is hashed by SMD5/],
    ['ann:$6$secret$tooshort', /line 2 is no valid hash of the form "6"/],
    ['ann:{SHA}secret', /line 2 is no valid hash of the form "SHA"/],
    [`ann:${SHA512.replace('$6$', '$6$rounds=100001$')}`, /100001 rounds/],
    ['secret', /line 2 is not "user:hash"/],
  ]
  for (const [line, message] of cases) {
    for (const htpasswd of [{ inline: `bob:x\n${line}` }, { file: fileOf(t, `bob:x\n${line}`) }]) {
      const error = assertThrows(() => server(htpasswd))
      assert.match(error.message, /^extensions::test::htpasswd::(inline|file): /)
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /secret|saltsalt/)
    }
  }
})

function assertThrows(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  return assert.fail('nothing was thrown')
}

test('many wrong passwords at once are refused rather than computed', async () => {
  const auth = server({ inline: `bob:${SHA512}` })
  const answers = Array.from({ length: 200 }, (_, i) => auth.authenticate(basic('bob', `${i}`)))
  const atOnce = answers.filter((answer) => typeof answer === 'string')
  assert.equal(atOnce.length, 100)
  assert.equal(atOnce[0], 'too many credentials to check at once')
  assert.deepEqual(new Set(await Promise.all(answers)), new Set([atOnce[0], INVALID]))
  assert.equal(await auth.authenticate(basic('bob', 'Password')), undefined)
})

test('a client sends user and password, from files that rotate', async (t) => {
  const username_file = fileOf(t, 'ann\n')
  const password_file = fileOf(t, 'p:1\n')
  const config = schema.parse({
    client_auth: { username: 'not her', username_file, password_file },
  })
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const client = new BasicAuthClient(settingsOf({ logger }), config.client_auth as never)
  const host = hostOf()
  client.start(host)
  assert.deepEqual(client.credentials(), basic('ann', 'p:1'))
  writeFileSync(password_file, 'p:22')
  while (client.credentials().authorization !== basic('ann', 'p:22').authorization) {
    await new Promise((done) => setTimeout(done, 20))
  }
  rmSync(password_file)
  while (host.reports.length === 0) {
    assert.deepEqual(client.credentials(), basic('ann', 'p:22'))
    await new Promise((done) => setTimeout(done, 20))
  }
  assert.match(JSON.stringify(host.reports), /client_auth::password_file: ENOENT/)
  assert.doesNotMatch(lines.join(''), /p:22|p:1/)
})
