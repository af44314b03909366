import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Component } from '../../../pipeline/component.ts'
import { Accounts } from '../../../pipeline/graph/accounts.ts'
import type { Place } from '../../../pipeline/graph/node.ts'
import { silent } from '../probes.ts'

const exporter = (id: string): Place => ({ kind: 'exporter', id, signal: 'traces' })

function holding(items: number): Component {
  return { held: () => items }
}

test('what stands at a place goes on in the books of its predecessor', () => {
  const accounts = new Accounts()
  const [old, young] = [holding(3), holding(4)]
  const ledger = accounts.ledgerOf(exporter('a'), silent)
  accounts.enter(exporter('a'), old)
  ledger.used('sent', 5)
  assert.equal(accounts.ledgerOf(exporter('a'), silent), ledger)
  accounts.enter(exporter('a'), young)
  assert.equal(ledger.entry().held, 7)
  accounts.leave(exporter('a'), old)
  assert.equal(ledger.entry().held, 4)
  assert.equal(accounts.all().length, 1)
})

test('what the last one held stays held, until another comes', () => {
  const accounts = new Accounts()
  const ledger = accounts.ledgerOf(exporter('a'), silent)
  const old = holding(3)
  accounts.enter(exporter('a'), old)
  accounts.leave(exporter('a'), old)
  assert.equal(ledger.entry().held, 3)
  accounts.enter(exporter('a'), holding(1))
  assert.equal(ledger.entry().held, 1)
})

test('places differ by kind, id, signal, what they make, and pipeline', () => {
  const accounts = new Accounts()
  const places: Place[] = [
    { kind: 'exporter', id: 'a', signal: 'traces' },
    { kind: 'exporter', id: 'a', signal: 'logs' },
    { kind: 'receiver', id: 'a', signal: 'logs' },
    { kind: 'connector', id: 'a', signal: 'flows', to: 'traces' },
    { kind: 'connector', id: 'a', signal: 'flows', to: 'metrics' },
    { kind: 'processor', id: 'a', signal: 'logs', pipeline: 'logs/1' },
    { kind: 'processor', id: 'a', signal: 'logs', pipeline: 'logs/2' },
  ]
  assert.equal(new Set(places.map((place) => accounts.ledgerOf(place, silent))).size, 7)
})

test('however many come and go, books are bounded and no count is lost', () => {
  const accounts = new Accounts()
  const stays = holding(1)
  accounts.enter(exporter('none'), stays)
  accounts.ledgerOf(exporter('stays'), silent).used('sent', 1)
  accounts.enter(exporter('stays'), stays)
  for (let i = 0; i < 3000; i++) {
    const component = holding(1)
    const ledger = accounts.ledgerOf(exporter(`e${i}`), silent)
    accounts.enter(exporter(`e${i}`), component)
    ledger.in += 4
    ledger.used('sent', 2)
    ledger.lost('refused', 1, { error_type: '503' })
    ledger.note('retried', 1)
    accounts.leave(exporter(`e${i}`), component)
  }
  const all = accounts.all()
  assert.ok(all.length < 1010, `${all.length} books`)
  const entries = all.map(({ ledger }) => ledger.entry())
  const total = (of: (entry: (typeof entries)[number]) => number | undefined) =>
    entries.reduce((sum, entry) => sum + (of(entry) ?? 0), 0)
  assert.equal(
    total((entry) => entry.in),
    12_000,
  )
  assert.equal(
    total(({ used }) => used.sent),
    6001,
  )
  assert.equal(
    total(({ lost }) => lost.refused),
    3000,
  )
  assert.equal(
    total(({ held }) => held),
    3001,
  )
  const removed = all.find(({ id }) => id === 'removed')
  assert.ok((removed?.ledger.notes.get('retried') ?? 0) >= 1990)
  assert.ok(all.some(({ id }) => id === 'stays'))
})
