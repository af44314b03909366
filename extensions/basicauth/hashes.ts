/** The forms in which a password may stand in an htpasswd file. */
import { hash } from 'node:crypto'
import { matches } from '../../pipeline/secret_match.ts'
import { md5Crypt, type Slow, shaCrypt } from './crypt.ts'

/** Whether a password is the right one: said at once, or after many rounds. */
export type Verifier = (password: Buffer) => boolean | Slow<boolean>

const SHA_ROUNDS = 5000
const SHA_ROUNDS_MIN = 1000
/** A wrong password may not cost more than about 0.1 s of the processor. */
const SHA_ROUNDS_MAX = 100_000

const SHA_CRYPT = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})[^$]*\$([./0-9A-Za-z]+)$/
const MD5_CRYPT = /^(\$(?:apr1|1)\$)([^$]{0,8})[^$]*\$([./0-9A-Za-z]{22})$/
const LDAP_SHA = /^\{(SHA|SSHA)\}([+/0-9A-Za-z]+={0,2})$/
/** `$2y$…`, `$argon2id$…`, `{SMD5}…`: not a password that somebody chose. */
const ANY_HASH = /^(?:\$([0-9a-zA-Z-]+)\$|\{([0-9A-Z-]+)\})/

const SHA1_BYTES = 20

const NAMES: { readonly [id: string]: string } = {
  '2': 'bcrypt',
  '2a': 'bcrypt',
  '2b': 'bcrypt',
  '2x': 'bcrypt',
  '2y': 'bcrypt',
  '7': 'scrypt',
  y: 'yescrypt',
  gy: 'gost-yescrypt',
}

/** Throws, naming the hash and never quoting it, when it is none of those that can be checked. */
export function verifierOf(stored: string): Verifier {
  const verifier = shaCryptOf(stored) ?? md5CryptOf(stored) ?? ldapOf(stored)
  if (verifier !== undefined) return verifier
  const [, dollar, braces] = ANY_HASH.exec(stored) ?? []
  const id = dollar ?? braces
  if (id === undefined) return plain(stored)
  const name = NAMES[id] ?? id
  const known = ['1', '5', '6', 'apr1', 'SHA', 'SSHA'].includes(id)
  const reason = known ? `is no valid hash of the form "${id}"` : `is hashed by ${name}`
  throw new Error(`${reason}, which cannot be checked: write it with "openssl passwd -6"`)
}

function plain(stored: string): Verifier {
  return (password) => matches(stored, password)
}

function shaCryptOf(stored: string): Verifier | undefined {
  const [, id, given, text = '', sum = ''] = SHA_CRYPT.exec(stored) ?? []
  const algorithm = id === '5' ? 'sha256' : 'sha512'
  if (sum.length !== (algorithm === 'sha256' ? 43 : 86)) return undefined
  const rounds = Math.max(given === undefined ? SHA_ROUNDS : Number(given), SHA_ROUNDS_MIN)
  if (rounds > SHA_ROUNDS_MAX) {
    throw new Error(`is hashed in ${rounds} rounds, at most ${SHA_ROUNDS_MAX} can be afforded`)
  }
  const salt = Buffer.from(text)
  return function* (password) {
    return matches(sum, yield* shaCrypt(password, { algorithm, salt, rounds }))
  }
}

function md5CryptOf(stored: string): Verifier | undefined {
  const found = MD5_CRYPT.exec(stored)
  if (found === null) return undefined
  const [, magic, text, sum] = found as unknown as [string, string, string, string]
  const salt = Buffer.from(text)
  return function* (password) {
    return matches(sum, yield* md5Crypt(password, { magic, salt }))
  }
}

/** RFC 2307: the digest, with SSHA followed by the salt. */
function ldapOf(stored: string): Verifier | undefined {
  const [, form, text = ''] = LDAP_SHA.exec(stored) ?? []
  const bytes = Buffer.from(text, 'base64')
  if (form === undefined || bytes.length < SHA1_BYTES) return undefined
  if (form === 'SHA' && bytes.length > SHA1_BYTES) return undefined
  const sum = bytes.subarray(0, SHA1_BYTES)
  const salt = bytes.subarray(SHA1_BYTES)
  return (password) => matches(sum, hash('sha1', Buffer.concat([password, salt]), 'buffer'))
}
