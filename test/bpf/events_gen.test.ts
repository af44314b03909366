/** pipeline/kernel_events/events.gen.ts is what tools/btf2ts.ts makes of bpf/events.h today. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CLOSE_REASONS,
  CLOSE_REASON as COLUMN_CLOSE_REASON,
  ROLE,
  STATE,
} from '../../pipeline/flows/schema.ts'
import { CLOSE_REASON, CONN_ROLE, CONN_STATE } from '../../pipeline/kernel_events/events.gen.ts'
import { eventsModule } from '../../tools/btf2ts.ts'
import { skipUnless } from '../kit/requirements.ts'

const missing = ['clang', 'bpftool'].filter((tool) => spawnSync(tool, ['--version']).error)
const skip = skipUnless(
  missing.length === 0 ? undefined : `Cannot generate as ${missing.join(', ')} is missing`,
)

test('events.gen.ts is current', { skip }, () => {
  const file = join(import.meta.dirname, '../../pipeline/kernel_events/events.gen.ts')
  assert.equal(readFileSync(file, 'utf8'), eventsModule(), 'run npm run gen')
})

test("the kernel's codes are those of the flow columns", () => {
  assert.equal(CONN_STATE.CONN_OPEN, STATE.open)
  assert.equal(CONN_STATE.CONN_CLOSED, STATE.closed)
  assert.equal(CONN_ROLE.ROLE_CLIENT, ROLE.client)
  assert.equal(CONN_ROLE.ROLE_SERVER, ROLE.server)
  for (const reason of CLOSE_REASONS) {
    const name = `CLOSE_${reason.toUpperCase()}` as keyof typeof CLOSE_REASON
    assert.equal(CLOSE_REASON[name], COLUMN_CLOSE_REASON[reason], reason)
  }
})
