import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { answer, Conversation, get } from '../receivers/pcap/conversation.ts'
import { pcap } from '../receivers/pcap/packets.ts'
import { liveABit, Recording } from '../receivers/replay/recorded.ts'

const PROGRAM = join(import.meta.dirname, '../../bin/flowspan')
const directory = mkdtempSync(join(tmpdir(), 'flowspan-replay-'))
after(() => rmSync(directory, { recursive: true }))

/** A dollar sign in a name is no reference to the environment. */
const file = join(directory, `a ${'$'}{HOME} capture.pcap`)
const capture = pcap(
  new Conversation().open().say('client', get('/a?k=v')).say('server', answer('x'), 2000).close()
    .packets,
)
writeFileSync(file, capture)

function replay(args: readonly string[], input?: Buffer) {
  const options = { encoding: 'utf8', ...(input && { input }) } as const
  const { status, stdout, stderr } = spawnSync(PROGRAM, ['replay', ...args], options)
  return { status, stdout, stderr }
}

test('prints the traces of a capture, and nothing else', () => {
  const { status, stdout, stderr } = replay([file])
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.match(
    stdout,
    /^trace [0-9a-f]{32} {2}2 services {2}2\.00 ms\n└─ 10\.0\.0\.1 → 10\.0\.0\.2 .*GET \/a 200/,
  )
})

test('prints exchanges as JSON, of the end and with the query that were asked for', () => {
  const { status, stdout } = replay([file, '--format', 'json', '--ends=client', '--query=keep'])
  assert.equal(status, 0)
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    rows.filter(({ kind }) => kind === 'exchange').map(({ role, target }) => [role, target]),
    [['client', '/a?k=v']],
  )
})

test('reads from standard input', () => {
  const { status, stdout } = replay(['-'], capture)
  assert.equal(status, 0)
  assert.match(stdout, /GET \/a 200/)
})

test('a damaged capture gives what is before the damage, and exit code 1', () => {
  const { status, stdout, stderr } = replay(['-'], capture.subarray(0, capture.length - 10))
  assert.equal(status, 1)
  assert.match(stdout, /GET \/a 200/)
  assert.match(stderr, /The capture is damaged from here on .*the file ends inside a packet/)
})

test('what cannot be is said in one line', () => {
  const lines: [string[], RegExp][] = [
    [[], /^Error: accepts 1 arg\(s\), received 0: name a capture file\n$/],
    [['/nowhere'], /^Error: .*receivers::pcap::path: cannot read: ENOENT.*\n$/],
    [[file, '--format', 'xml'], /^Error: unrecognized format: xml: formats are: tree, json\n$/],
    [[file, '--ends', 'x'], /^Error: receivers::pcap::ends: must be one of \[auto both client/],
  ]
  for (const [args, message] of lines) {
    const { status, stderr } = replay(args)
    assert.equal(status, 1)
    assert.match(stderr, message)
  }
})

test('takes a recording too, told by how the file begins', async () => {
  const recorded = join(directory, 'live.rec')
  const recording = new Recording(recorded)
  liveABit(recording, { exchanges: 3 })
  await recording.stop()
  const { status, stdout, stderr } = replay([recorded, '--format', 'json', '--query', 'keep'])
  assert.match(stderr, /Data lost {2}reason=payload_ring_full/)
  assert.equal(status, 0)
  assert.match(stdout, /"target":"\/items\/7\?key=secret"/)
  assert.match(replay([recorded]).stdout, /SERVER GET \/items\/7 200/)
  const { stderr: refused } = replay([recorded, '--ends', 'client'])
  assert.match(refused, /--ends is for captures/)

  writeFileSync(recorded, readFileSync(recorded).subarray(0, -20))
  const cut = replay([recorded])
  assert.equal(cut.status, 1)
  assert.match(cut.stderr, /The recording ends before its end/)
  assert.match(cut.stdout, /SERVER GET \/items\/7 200/)
})
