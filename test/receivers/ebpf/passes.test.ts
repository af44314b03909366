import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BpfObject } from '../../../receivers/ebpf/libbpf.ts'
import { Passes } from '../../../receivers/ebpf/passes.ts'
import { waitFor } from '../../kit/processes.ts'

const OBJECT = join(import.meta.dirname, '../../../bpf/build/flowspan.bpf.o')

test('a pass that cannot be made is told of, and those behind it have their turn', async (t) => {
  // Not loaded, so that none of its programs can be attached.
  const object = new BpfObject(OBJECT)
  t.after(() => object.close())
  const failures: string[] = []
  const passes = new Passes(object, {
    iterators: new Set(['tell_interim', 'tell_open']),
    intervalMs: 0,
    ringBytes: 4096,
    failed: ({ message }) => failures.push(message),
  })
  t.after(() => passes.close())
  passes.all()
  await waitFor('both failures', () => failures.length === 2)
  assert.match(failures[0] as string, /tell_interim/)
  assert.match(failures[1] as string, /tell_open/)
})
