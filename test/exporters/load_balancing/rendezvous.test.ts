import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashOf, hashOfId, Rendezvous } from '../../../exporters/load_balancing/rendezvous.ts'

const KEYS = Array.from({ length: 30_000 }, (_, i) => hashOf(Buffer.from(`trace ${i}`)))
const NAMES = ['10.0.0.1:4317', '10.0.0.2:4317', '10.0.0.3:4317', '10.0.0.4:4317', '10.0.0.5:4317']

function owners(names: readonly string[]): string[] {
  const of = new Rendezvous(names)
  return KEYS.map((key) => names[of.ownerOf(key)] as string)
}

test('each backend gets its share of the keys', () => {
  const of = owners(NAMES)
  for (const name of NAMES) {
    const share = of.filter((owner) => owner === name).length / KEYS.length
    assert(Math.abs(share - 1 / NAMES.length) < 0.01, `${name} has ${share}`)
  }
})

test('the order in which names are known makes no difference', () => {
  assert.deepEqual(owners(NAMES), owners([...NAMES].reverse()))
})

test('when a backend goes only its keys move, and they move to all others', () => {
  const before = owners(NAMES)
  const after = owners(NAMES.slice(1))
  const moved = KEYS.map((_, i) => i).filter((i) => before[i] !== after[i])
  assert(moved.every((i) => before[i] === NAMES[0]))
  assert.equal(new Set(moved.map((i) => after[i])).size, NAMES.length - 1)
})

test('when a backend comes, keys move to it alone, its share of them', () => {
  const before = owners(NAMES.slice(1))
  const after = owners(NAMES)
  const moved = after.filter((owner, i) => owner !== before[i])
  assert(moved.every((owner) => owner === NAMES[0]))
  assert(Math.abs(moved.length / KEYS.length - 1 / NAMES.length) < 0.01)
})

test('flow ids are spread evenly too, by either half', () => {
  const of = new Rendezvous(NAMES)
  for (const id of [(i: number) => hashOfId(i, 0), (i: number) => hashOfId(0, i)]) {
    const counts = NAMES.map(() => 0)
    for (let i = 0; i < 20_000; i++) {
      const owner = of.ownerOf(id(i))
      counts[owner] = (counts[owner] as number) + 1
    }
    for (const count of counts) assert(Math.abs(count - 4000) < 400, `${counts}`)
  }
})
