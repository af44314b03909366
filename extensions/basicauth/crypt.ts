/**
 * The password hashes that MD5 and SHA-2 are enough for: MD5 crypt (Poul-Henning Kamp, and
 * Apache's `$apr1$`) and SHA crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512").
 *
 * They are slow on purpose, so they are generators: whoever runs one can do something else at
 * every `yield`, a hundred rounds or a quarter of a millisecond after the one before.
 */
import { hash } from 'node:crypto'

export type Slow<T> = Generator<void, T>

const ROUNDS_A_STEP = 100
const MD5_ROUNDS = 1000

/** Crypt's own base 64: six bits a character, the lowest first. */
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `salt` has at most 8 bytes; gives the 22 characters behind the last `$`. */
export function* md5Crypt(
  password: Buffer,
  { magic, salt }: { magic: string; salt: Buffer },
): Slow<string> {
  const md5 = (parts: readonly Uint8Array[]) => digest('md5', parts)
  const inner = md5([password, salt, password])
  const parts: Uint8Array[] = [password, Buffer.from(magic), salt, repeat(inner, password.length)]
  for (let bits = password.length; bits > 0; bits >>= 1) {
    parts.push((bits & 1) === 1 ? Buffer.of(0) : password.subarray(0, 1))
  }
  let sum = md5(parts)
  for (let round = 0; round < MD5_ROUNDS; round++) {
    if (round % ROUNDS_A_STEP === 0) yield
    sum = md5(mixed(round, { sum, salt, password }))
  }
  const order = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5]
  return encode(sum, order) + encodeBits(sum[11] as number, 2)
}

export interface ShaCryptSettings {
  readonly algorithm: 'sha256' | 'sha512'
  /** At most 16 bytes. */
  readonly salt: Buffer
  readonly rounds: number
}

/** Gives the 43 or 86 characters behind the last `$`. */
export function* shaCrypt(password: Buffer, settings: ShaCryptSettings): Slow<string> {
  const { algorithm, salt, rounds } = settings
  const sha = (parts: readonly Uint8Array[]) => digest(algorithm, parts)
  const inner = sha([password, salt, password])
  const parts: Uint8Array[] = [password, salt, repeat(inner, password.length)]
  for (let bits = password.length; bits > 0; bits >>= 1) {
    parts.push((bits & 1) === 1 ? inner : password)
  }
  let sum = sha(parts)
  const p = repeat(sha(Array(password.length).fill(password)), password.length)
  const s = repeat(sha(Array(16 + (sum[0] as number)).fill(salt)), salt.length)
  for (let round = 0; round < rounds; round++) {
    if (round % ROUNDS_A_STEP === 0) yield
    sum = sha(mixed(round, { sum, salt: s, password: p }))
  }
  return algorithm === 'sha256' ? encodeSha256(sum) : encodeSha512(sum)
}

/** What a round of either hash digests. */
function mixed(
  round: number,
  { sum, salt, password }: { sum: Buffer; salt: Buffer; password: Buffer },
): Uint8Array[] {
  const odd = round % 2 === 1
  const parts = [odd ? password : sum]
  if (round % 3 !== 0) parts.push(salt)
  if (round % 7 !== 0) parts.push(password)
  parts.push(odd ? sum : password)
  return parts
}

/** Three bytes a group, each group starting with the byte that the one before had last or next. */
function encodeSha256(sum: Buffer): string {
  const order: number[] = []
  for (let i = 0; i < 10; i++) order.push(...rotated([i, i + 10, i + 20], (3 - (i % 3)) % 3))
  return encode(sum, order) + encodeBits(((sum[31] as number) << 8) | (sum[30] as number), 3)
}

function encodeSha512(sum: Buffer): string {
  const order: number[] = []
  for (let i = 0; i < 21; i++) order.push(...rotated([i, i + 21, i + 42], i % 3))
  return encode(sum, order) + encodeBits(sum[63] as number, 2)
}

function rotated(group: readonly number[], by: number): number[] {
  return [...group.slice(by), ...group.slice(0, by)]
}

function encode(sum: Buffer, order: readonly number[]): string {
  let text = ''
  for (let i = 0; i < order.length; i += 3) {
    const [a, b, c] = order.slice(i, i + 3).map((at) => sum[at] as number) as [
      number,
      number,
      number,
    ]
    text += encodeBits((a << 16) | (b << 8) | c, 4)
  }
  return text
}

function encodeBits(value: number, characters: number): string {
  let text = ''
  for (let i = 0; i < characters; i++) text += ALPHABET[(value >> (6 * i)) & 0x3f]
  return text
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  return hash(algorithm, Buffer.concat(parts), 'buffer')
}

/** `bytes` over and over, `length` bytes in all. */
function repeat(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes)
}
