/** Headers and files of credentials that nobody would write. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BasicAuthServer } from '../../extensions/basicauth/server.ts'
import { parseUsers } from '../../extensions/basicauth/users.ts'
import { BearerTokenAuth } from '../../extensions/bearertokenauth/bearertokenauth.ts'
import { parseTokens, schema } from '../../extensions/bearertokenauth/config.ts'
import { settingsOf } from '../pipeline/surroundings.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const header = fc.oneof(
  fc.string(),
  fc.string().map((text) => `Bearer ${text}`),
  fc.string().map((text) => `Basic ${text}`),
  fc.string().map((text) => `basic ${base64(text)}`),
  fc.array(fc.string()),
)

test('no header lets anybody in without the secret, and none throws', async () => {
  const bearer = new BearerTokenAuth(settingsOf(), schema.parse({ token: 'the right token' }))
  const basic = new BasicAuthServer(settingsOf(), { file: '', inline: 'ann:the right password' })
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      assert.equal(typeof bearer.authenticate({ authorization }), 'string')
      assert.equal(typeof (await basic.authenticate({ authorization })), 'string')
    }),
  )
})

test('every user of a list that is taken can be asked for, and errors quote nothing', () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/)
  const stored = fc.oneof(
    fc.stringMatching(/^\$(1|5|6|2y|apr1)\$[a-z$]{0,40}$/),
    fc.stringMatching(/^\{(SHA|SSHA|X)\}[a-zA-Z=+/]{0,40}$/),
    fc.stringMatching(/^[!-~]{1,20}$/),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, stored)), fc.string(), (users, noise) => {
      const lines = users.map(([user, hash]) => `${user}:${hash}`)
      try {
        const parsed = parseUsers([...lines, `#${noise.replaceAll('\n', '')}`].join('\n'))
        assert.deepEqual([...parsed.keys()].sort(), [...new Set(users.map(([u]) => u))].sort())
      } catch (error) {
        const { message } = error as Error
        assert.match(message, /^the password of line \d+ is /)
        for (const [, hash] of users) if (hash.length > 10) assert.ok(!message.includes(hash))
      }
    }),
  )
})

test('tokens of any file are words that a header may hold', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      let tokens: readonly string[] = []
      try {
        tokens = parseTokens(text)
      } catch (error) {
        assert.match((error as Error).message, /^(it holds no token|token \d+ holds what)/)
        return
      }
      assert.ok(tokens.length > 0)
      for (const token of tokens) assert.match(token, /^[\x21-\x7e]+$/)
    }),
  )
})
