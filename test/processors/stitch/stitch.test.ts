import assert from 'node:assert/strict'
import { test } from 'node:test'
import { causedBy, client, connected, server, stage } from './made.ts'
import { batchOf } from './rows.ts'

test('a SERVER span is the child of the CLIENT span of the same request', () => {
  const s = stage()
  s.send(client(1), server(1))
  const [parent, child] = [s.row('client 1'), s.row('server 1')]
  assert.equal(parent.parent, '')
  assert.equal(parent.method, 'none')
  assert.equal(parent.confidence, Number.NaN)
  assert.equal(child.parent, parent.span)
  assert.equal(child.trace, parent.trace)
  assert.equal(child.method, 'identity')
  assert.equal(child.confidence, 1)
})

test('requests of one connection are told apart by their offset', () => {
  const s = stage()
  s.send(client(1, { name: 'first' }), client(1, { offset: 2 ** 33 + 7, name: 'second' }))
  s.send(server(1, { offset: 2 ** 33 + 7 }))
  assert.notEqual(s.row('first').trace, s.row('second').trace)
  assert.equal(s.row('server 1').parent, s.row('second').span)
})

test('a SERVER row waits for the CLIENT row whose connection was seen here', () => {
  const s = stage()
  s.send(connected(1))
  s.send(server(1))
  assert.deepEqual(s.rows(), [])
  assert.equal(s.stitch.held(), 1)
  s.send(client(1))
  assert.equal(s.row('server 1').parent, s.row('client 1').span)
  assert.equal(s.stitch.held(), 0)
})

test('what a batch tells of a client counts for all of its rows, whichever comes first', () => {
  const s = stage()
  s.send(server(1), server(2), connected(1), client(2))
  assert.equal(s.row('server 2').parent, s.row('client 2').span)
  assert.equal(s.stitch.held(), 1)
  s.send(client(1))
  assert.equal(s.row('server 1').parent, s.row('client 1').span)
})

test('a SERVER row whose client nothing was seen of is a root at once, unless `wait: always`', () => {
  const known = stage()
  known.send(server(1))
  assert.equal(known.row('server 1').parent, '')
  const always = stage({ wait: 'always' })
  always.send(server(1))
  assert.equal(always.stitch.held(), 1)
})

test('a CLIENT row makes its flow known as well as a connection row does', () => {
  const s = stage()
  s.send(client(1), server(1, { offset: 100, name: 'second' }))
  assert.equal(s.stitch.held(), 1)
  s.send(client(1, { offset: 100, name: 'its client' }))
  assert.equal(s.row('second').parent, s.row('its client').span)
})

test('a top waits no longer than the oldest row below it may', () => {
  const s = stage({ window: 3000, window_total: 4000 })
  s.send(connected(2), server(2))
  s.pass(900)
  s.send(client(3, causedBy(9)))
  s.pass(50)
  s.send(server(3), client(2, causedBy(3)))
  assert.equal(s.rows().length, 0, 'the top is client 3, until 3900')
  s.pass(150)
  s.send(connected(9), server(9))
  assert.equal(s.rows().length, 5, 'server 9 as the top would wait until 4100')
  assert.equal(s.row('server 9').parent, '')
  assert.equal(s.row('client 3').parent, s.row('server 9').span)
})

test('a flow whose id is local has no other end to wait for', () => {
  const s = stage({ wait: 'always' })
  s.send(client(1), server(1, { local: true }))
  assert.equal(s.row('server 1').parent, '')
})

test('a cause becomes the parent, with its method and confidence', () => {
  const s = stage()
  s.send(server(1), client(2, causedBy(1)))
  const child = s.row('client 2')
  assert.equal(child.parent, s.row('server 1').span)
  assert.equal(child.trace, s.row('server 1').trace)
  assert.equal(child.method, 'thread')
  assert.equal(child.confidence, 0.95)
})

test('a chain that arrives from its leaf on is one trace', () => {
  const s = stage()
  s.send(connected(1), connected(2), connected(3))
  s.send(server(3), client(3, causedBy(2)))
  s.send(server(2), client(2, causedBy(1)))
  s.send(server(1))
  assert.equal(s.stitch.held(), 5)
  s.send(client(1))
  const names = ['client 1', 'server 1', 'client 2', 'server 2', 'client 3', 'server 3']
  const rows = names.map((name) => s.row(name))
  assert.deepEqual(
    rows.map((row) => row.parent),
    ['', ...rows.slice(0, -1).map((row) => row.span)],
  )
  assert.equal(new Set(rows.map((row) => row.trace)).size, 1)
})

test('a cause below the threshold makes a root that names its candidate', () => {
  for (const order of ['cause first', 'cause last']) {
    const s = stage()
    const doubtful = client(2, causedBy(1, 0.5))
    if (order === 'cause first') s.send(server(1), doubtful)
    else s.send(doubtful, server(1))
    const root = s.row('client 2')
    const candidate = s.row('server 1')
    assert.equal(root.parent, '', order)
    assert.equal(root.method, 'none')
    assert.equal(root.confidence, Number.NaN)
    assert.notEqual(root.trace, candidate.trace)
    assert.equal(root.candidateSpan, candidate.span)
    assert.equal(root.candidateTrace, candidate.trace)
  }
})

test('a candidate that was not seen is not named', () => {
  const s = stage()
  s.send(client(2, causedBy(1, 0.5)))
  s.pass(3000)
  assert.equal(s.row('client 2').candidateSpan, '')
})

test('a traceparent on the wire is the parent of the CLIENT span, and gives the trace id', () => {
  const s = stage()
  s.send(connected(1), server(1, { traceparent: [0xabc, 0xdef] }))
  s.send(client(1, { traceparent: [0xabc, 0xdef] }))
  const parent = s.row('client 1')
  assert.equal(parent.trace, '00000004000000030000000200000abc')
  assert.equal(parent.parent, '0000000500000def')
  assert.equal(parent.method, 'header')
  assert.equal(parent.confidence, 1)
  const child = s.row('server 1')
  assert.equal(child.trace, parent.trace)
  assert.equal(child.parent, parent.span)
  assert.equal(child.method, 'identity')
})

test('a traceparent is the parent of a SERVER span whose CLIENT span is not seen', () => {
  const s = stage()
  s.send(server(1, { traceparent: [0xabc, 0xdef] }))
  s.send(connected(2), server(2, { traceparent: [0xabc, 0xdef] }))
  s.pass(3000)
  for (const name of ['server 1', 'server 2']) {
    assert.equal(s.row(name).parent, '0000000500000def')
    assert.equal(s.row(name).method, 'header')
  }
})

test('a header that a proxy forwarded unchanged does not flatten the chain', () => {
  const traceparent = [0xabc, 0xdef] as const
  const inbound = server(1, { traceparent })
  const outbound = client(2, { traceparent, ...causedBy(1) })
  for (const rows of [
    [inbound, outbound],
    [outbound, inbound],
  ]) {
    const s = stage()
    s.send(...rows)
    const child = s.row('client 2')
    assert.equal(child.parent, s.row('server 1').span)
    assert.equal(child.trace, '00000004000000030000000200000abc')
    assert.equal(child.method, 'thread')
    assert.equal(s.row('server 1').parent, '0000000500000def')
  }
})

test('a header that the caller made itself is believed, whatever the cause', () => {
  const inbound = server(1, { traceparent: [0xabc, 0xdef] })
  const outbound = client(2, { traceparent: [0xabc, 0x123], ...causedBy(1) })
  for (const rows of [
    [inbound, outbound],
    [outbound, inbound],
  ]) {
    const s = stage()
    s.send(...rows)
    assert.equal(s.row('client 2').parent, '0000000500000123')
    assert.equal(s.row('client 2').method, 'header')
    assert.equal(s.stitch.held(), 0)
  }
})

test('a header is believed when the row of the cause does not come', () => {
  const s = stage()
  s.send(client(2, { traceparent: [0xabc, 0x123], ...causedBy(1) }))
  assert.equal(s.stitch.held(), 1)
  s.pass(3000)
  assert.equal(s.row('client 2').parent, '0000000500000123')
})

test('a row that waited for a window in vain becomes a root, and its tree follows', () => {
  const s = stage()
  s.send(server(2), client(3, causedBy(2)))
  s.send(connected(2))
  s.send(client(2, causedBy(1)), client(4, causedBy(1)))
  s.send(server(1, { flow: 5, name: 'late' }), server(7, { name: 'unrelated' }))
  s.pass(2999)
  assert.equal(s.stitch.held(), 2)
  s.pass(1)
  assert.equal(s.stitch.held(), 0)
  assert.equal(s.row('client 2').parent, '')
  assert.equal(s.row('client 4').parent, '')
  assert.notEqual(s.row('client 2').trace, s.row('client 4').trace)
})

test('a tree whose top gave up keeps the links that were seen', () => {
  const s = stage()
  s.send(connected(2), server(2))
  s.pass(2000)
  s.send(client(2, causedBy(1)))
  s.pass(2000)
  assert.equal(s.stitch.held(), 2, 'the window is that of the top')
  s.pass(1000)
  assert.equal(s.row('client 2').parent, '')
  assert.equal(s.row('server 2').parent, s.row('client 2').span)
  assert.equal(s.row('server 2').trace, s.row('client 2').trace)
})

test('no row waits for longer than window_total, however often its parents wait', () => {
  const s = stage({ window: 3000, window_total: 7000 })
  const arrived = s.now
  s.send(client(10, causedBy(9)))
  const left = () => s.rows().some((row) => row.name === 'client 10')
  for (const flow of [9, 8, 7, 6, 5]) {
    s.pass(2000)
    if (!left()) s.send(connected(flow), server(flow))
    if (!left()) s.send(client(flow, causedBy(flow - 1)))
    if (left()) break
  }
  assert.equal(s.now - arrived, 6000, 'another window would end at 9000')
  const names = ['client 10', 'server 9', 'client 9', 'server 8', 'client 8', 'server 7']
  const rows = names.map((name) => s.row(name))
  assert.deepEqual(
    rows.map((row) => row.parent),
    [...rows.slice(1).map((row) => row.span), ''],
  )
})

test('causes that go round in a circle are broken, and all spans leave', () => {
  const s = stage()
  s.send(connected(1), connected(2))
  s.send(server(1), client(2, causedBy(1)), server(2), client(1, causedBy(2)))
  const rows = s.rows()
  assert.equal(rows.length, 4)
  assert.equal(rows.filter((row) => row.parent === '').length, 1)
  assert.equal(s.ledger.notes.get('chain_broken'), 1)
})

test('a request that names itself as its cause is a root', () => {
  const s = stage()
  s.send(connected(1), server(1))
  s.send(client(1, causedBy(1)))
  assert.equal(s.row('client 1').parent, '')
  assert.equal(s.row('server 1').parent, s.row('client 1').span)
})

test('an open row counts as seen, and the closed row has the same trace and parent', () => {
  const s = stage({ open_timeout: 0 })
  s.send(server(1, { state: 'open', name: 'open' }))
  s.send(client(2, causedBy(1)))
  assert.equal(s.row('client 2').parent, s.row('open').span)
  s.pass(3_600_000)
  s.send(client(3, causedBy(1)))
  assert.equal(s.row('client 3').parent, s.row('open').span)
  s.send(server(1, { name: 'closed' }))
  const { state: _, name: __, ...open } = s.row('open')
  const { state, name: ___, ...closed } = s.row('closed')
  assert.equal(state, 'closed')
  assert.deepEqual(closed, open)
})

test('a closed row that comes while the open row waits leaves with it', () => {
  const s = stage()
  s.send(client(2, { ...causedBy(1), state: 'open', name: 'open' }))
  s.send(client(2, { ...causedBy(1), name: 'closed' }))
  s.send(server(1))
  assert.equal(s.row('open').parent, s.row('server 1').span)
  assert.equal(s.row('closed').parent, s.row('server 1').span)
})

test('a row delivered twice gets the same ids twice', () => {
  const s = stage()
  const rows = [connected(1), server(1, { name: 'a' }), client(1, { name: 'b' })]
  s.send(...rows)
  s.send(...rows)
  const [first, again] = [s.rows().slice(0, 2), s.rows().slice(2)]
  const byName = (list: typeof first) => list.sort((x, y) => x.name.localeCompare(y.name))
  assert.deepEqual(byName(again), byName(first))
})

test('a span is remembered for `retention` after its last row', () => {
  const s = stage({ retention: 30_000 })
  s.send(server(1), server(2))
  s.pass(29_999)
  s.send(client(3, causedBy(1)))
  assert.equal(s.row('client 3').parent, s.row('server 1').span)
  s.pass(1)
  s.send(client(4, causedBy(2)))
  assert.equal(s.stitch.held(), 1, 'forgotten, so its row is awaited')
})

test('connection rows pass at once, and rows of one batch may leave apart', () => {
  const s = stage()
  s.send(connected(1), server(1), connected(2))
  assert.equal(s.batches.length, 1)
  assert.equal(s.batches[0]?.rows, 2)
})

test('a batch with nothing to wait for leaves as the object it came as', () => {
  const s = stage()
  const batch = batchOf([client(1), server(1)])
  s.stitch.consume(batch)
  s.ledger.in += 2
  assert.equal(s.batches[0], batch)
})
