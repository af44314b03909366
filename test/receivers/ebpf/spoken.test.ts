import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SPOKEN_LIMIT, Spoken, WANT_LIMIT } from '../../../pipeline/kernel_events/events.gen.ts'
import { remembered } from '../../../pipeline/requests/remembered.ts'
import { SpokenMemory } from '../../../receivers/ebpf/spoken.ts'

/** A connection of CPU 3. */
const ID = 3 * 2 ** 40 + 7
const memory = () => new SpokenMemory(new ArrayBuffer(SPOKEN_LIMIT.SPOKEN_MAX * Spoken.size))

test('what a connection speaks is known to who comes after, as it was told', () => {
  const spoken = memory()
  const mysql = remembered('mysql', { pipelines: true, words: [0xffff_ffff, 1], name: 'Läden' })
  spoken.remember(ID, mysql)
  assert.deepEqual(spoken.recall(ID), mysql)
  assert.equal(spoken.recall(ID + 1), undefined)
  assert.equal(spoken.recall(4 * 2 ** 40 + 7), undefined)
})

test('of a name that is too long nothing is known, of a protocol that cannot resume neither', () => {
  const spoken = memory()
  spoken.remember(ID, remembered('postgresql', { name: 'x'.repeat(41) }))
  assert.deepEqual(spoken.recall(ID), remembered('postgresql'))
  spoken.remember(ID + 1, remembered('http'))
  assert.equal(spoken.recall(ID + 1), undefined)
})

test('of connections that share a slot the last one is known, and takes it back when told again', () => {
  assert.equal(SPOKEN_LIMIT.SPOKEN_MAX, WANT_LIMIT.WANTS_MAX)
  const spoken = memory()
  const other = ID + SPOKEN_LIMIT.SPOKEN_MAX
  spoken.remember(ID, remembered('redis'))
  spoken.remember(other, remembered('kafka'))
  assert.equal(spoken.recall(ID), undefined)
  assert.equal(spoken.recall(other)?.protocol, 'kafka')
  spoken.remember(ID, remembered('redis'))
  assert.equal(spoken.recall(ID)?.protocol, 'redis')
})
