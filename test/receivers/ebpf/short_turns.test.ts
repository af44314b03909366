/** Short turns, as the kernel itself says of this thread. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { askForShortTurns } from '../../../receivers/ebpf/short_turns.ts'
import { skipUnless } from '../../kit/requirements.ts'

/** Nanoseconds; undefined: this kernel knows none (before 6.12, or without its debug files). */
function slice(): number | undefined {
  try {
    const text = readFileSync('/proc/thread-self/sched', 'utf8')
    const found = /^se\.slice\s*:\s*(\d+)/m.exec(text)?.[1]
    return found === undefined ? undefined : Number(found)
  } catch {
    return undefined
  }
}

const WHY = slice() === undefined ? 'The kernel does not say how long a turn is' : undefined

test('threads have short turns, and their nice level as before', { skip: skipUnless(WHY) }, () => {
  const [nice, before] = [getPriority(), slice() as number]
  assert.equal(askForShortTurns(), true)
  assert.equal(slice(), 100_000)
  assert.ok(before > 100_000, `${before}`)
  assert.equal(getPriority(), nice)
})
