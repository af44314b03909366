/** Hashes against what `openssl passwd` and the C library's crypt(3) make. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type Verifier, verifierOf } from '../../../extensions/basicauth/hashes.ts'

function check(verifier: Verifier, password: string): boolean {
  const work = verifier(Buffer.from(password))
  if (typeof work === 'boolean') return work
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

const LONG = 'more-than-sixty-four-bytes-0123456789-0123456789-0123456789-0123456789'

test('MD5 and SHA crypt agree with `openssl passwd`, for all lengths', () => {
  for (const kind of ['-1', '-apr1', '-5', '-6']) {
    for (const password of ['x', 'Password', 'ünï', 'a'.repeat(16), 'b'.repeat(33), LONG]) {
      for (const salt of ['s', 'saltsalt']) {
        const made = spawnSync('openssl', ['passwd', kind, '-salt', salt, '-stdin'], {
          input: `${password}\n`,
          encoding: 'utf8',
        })
        const verifier = verifierOf(made.stdout.trim())
        assert.ok(check(verifier, password), made.stdout)
        assert.ok(!check(verifier, `${password} `), made.stdout)
      }
    }
  }
})

test('SHA crypt with rounds and a salt of 16 characters agrees with crypt(3) of glibc', () => {
  const x256 = '$5$rounds=1000$abcdefghijklmnop$mMa.GiWFR0o748frg6TKeNbY4a3FVKFQP1IoAM2V0L/'
  const x512 =
    '$6$rounds=12345$s$3iPmO/3qso7zpnBcLDINzgJ/NDnXU5tacXuT9txhoTd/rHY/pvi.y4BlcCGxwasVRXB5jUHsMzMHbIJJMAR0I.'
  for (const stored of [x256, x512]) {
    assert.ok(check(verifierOf(stored), 'x'))
    assert.ok(!check(verifierOf(stored), 'y'))
  }
})

test('SHA-1 with and without salt, and plain text', () => {
  const sum = (text: string) => createHash('sha1').update(text).digest()
  const sha = `{SHA}${sum('Password').toString('base64')}`
  const salted = Buffer.concat([sum('Passwordpepper'), Buffer.from('pepper')])
  const ssha = `{SSHA}${salted.toString('base64')}`
  for (const stored of [sha, ssha, 'Password']) {
    assert.ok(check(verifierOf(stored), 'Password'), stored)
    assert.ok(!check(verifierOf(stored), 'Passwords'), stored)
  }
  assert.ok(check(verifierOf('$ecret{1}'), '$ecret{1}'))
})
