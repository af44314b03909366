import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { EndCache, type EndNames } from '../../../pipeline/flows/ends.ts'
import { ROLE } from '../../../pipeline/flows/schema.ts'

function batchOf(
  rows: readonly [role: 'client' | 'server', src: string, dst: string][],
): FlowBatch {
  const batch = new FlowBatch(rows.length)
  const k8s = batch.add('k8s')
  for (const [role, src, dst] of rows) {
    const row = batch.addRow()
    batch.base.role[row] = ROLE[role]
    batch.base.comm[row] = batch.strings.intern(`${role}'s`)
    k8s.src_service_name[row] = batch.strings.intern(src)
    k8s.dst_service_name[row] = batch.strings.intern(dst)
  }
  return batch
}

function cacheOf(which: 'local' | 'remote', entriesMax = 100) {
  const made: EndNames[] = []
  const keys: string[] = []
  const make = (names: EndNames, key: string) => {
    made.push(names)
    keys.push(key)
    return names.service_name
  }
  return { cache: new EndCache(which, { make, entriesMax }), made, keys }
}

test('the local end of a client is the source, of a server the destination', () => {
  const batch = batchOf([
    ['client', 'a', 'b'],
    ['server', 'a', 'b'],
  ])
  for (const [which, expected] of [
    ['local', ['a', 'b']],
    ['remote', ['b', 'a']],
  ] as const) {
    const { cache, made } = cacheOf(which)
    cache.begin(batch)
    assert.deepEqual([cache.at(0), cache.at(1)], expected)
    const comm = which === 'local' ? ["client's", "server's"] : ['', '']
    assert.deepEqual(
      made.map((names) => names.comm),
      comm,
      'the process is known of the local end alone',
    )
  }
})

test('an end is made once, on whichever side and in whichever batch it stands', () => {
  const { cache, made, keys } = cacheOf('remote')
  for (let i = 0; i < 2; i++) {
    cache.begin(
      batchOf([
        ['client', 'x', 'a'],
        ['server', 'a', 'x'],
        ['client', 'x', 'b'],
      ]),
    )
    assert.deepEqual([cache.at(0), cache.at(1), cache.at(2)], ['a', 'a', 'b'])
  }
  assert.equal(made.length, 2)
  assert.equal(new Set(keys).size, 2)
})

test('beyond entriesMax the end unseen for longest is made anew', () => {
  const { cache, made } = cacheOf('remote', 2)
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) {
    cache.begin(batchOf([['client', '', name]]))
    assert.equal(cache.at(0), name)
  }
  assert.deepEqual(
    made.map((names) => names.service_name),
    ['a', 'b', 'c', 'b'],
  )
})

test('without Kubernetes there is one remote end, and a local one for each process', () => {
  const batch = new FlowBatch(2)
  for (const comm of ['curl', 'nginx']) batch.base.comm[batch.addRow()] = batch.strings.intern(comm)
  const local = cacheOf('local')
  const remote = cacheOf('remote')
  for (const { cache } of [local, remote]) {
    cache.begin(batch)
    for (const row of [0, 1]) assert.equal(cache.at(row), '')
  }
  assert.deepEqual(
    local.made.map((names) => names.comm),
    ['curl', 'nginx'],
  )
  assert.equal(remote.made.length, 1)
})
