import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { processName } from '../../../pipeline/flows/process_name.ts'

test("`processName()` calls a Node process node, whatever Node calls the process's first thread", () => {
  const comm = readFileSync(`/proc/${process.pid}/comm`, 'utf8').trim()
  assert.equal(processName(comm), 'node')
})

test('`processName()` leaves other names as the kernel has them', () => {
  assert.equal(processName('nginx'), 'nginx')
  assert.equal(processName('node-MainThrea'), 'node-MainThrea')
  assert.equal(processName(''), '')
})
