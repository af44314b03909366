/** A real process under a real flood, in a cgroup whose limit is the kernel's to enforce. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { MemoryCgroup } from '../../kit/memory_cgroup.ts'

const MIB = 1024 * 1024
const CGROUP_MIB = 400
const LIMIT_MIB = 300
/** Ten times what the kernel allows. */
const OFFER_MIB = 4000

interface Flooded {
  readonly signal: NodeJS.Signals | null
  readonly result: { readonly offered: number; readonly taken: number } | undefined
  readonly peakMib: number
}

async function flood(t: TestContext, mode: string): Promise<Flooded | undefined> {
  const cgroup = MemoryCgroup.create(CGROUP_MIB * MIB)
  if (cgroup === undefined) return void t.skip('needs the right to make a memory cgroup')
  t.after(() => cgroup.remove())
  const program = join(import.meta.dirname, 'flood.ts')
  const args = [mode, String(LIMIT_MIB), String(OFFER_MIB)]
  const [command, words] = cgroup.command([process.execPath, program, ...args])
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [out, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return {
    signal: signal as NodeJS.Signals | null,
    result: out === '' ? undefined : JSON.parse(out),
    peakMib: Math.round(cgroup.peak / MIB),
  }
}

test('a flood of ten times the memory kills a pipeline without `memory_limiter`', async (t) => {
  const flooded = await flood(t, 'unlimited')
  if (flooded === undefined) return
  assert.equal(flooded.signal, 'SIGKILL', JSON.stringify(flooded))
})

test('the same flood is refused by `memory_limiter`, and the pipeline lives', async (t) => {
  const flooded = await flood(t, 'limited')
  if (flooded === undefined) return
  t.diagnostic(JSON.stringify(flooded))
  assert.equal(flooded.signal, null, JSON.stringify(flooded))
  assert.equal(flooded.result?.offered, OFFER_MIB)
  assert.ok((flooded.result?.taken as number) > LIMIT_MIB / 4, 'it took what there was room for')
  assert.ok(flooded.peakMib < CGROUP_MIB)
})
