import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { retryable } from '../../../pipeline/outcome.ts'
import { removeDirectory, temporaryDirectory } from '../../kit/processes.ts'
import { skipUnless } from '../../kit/requirements.ts'
import { play } from './play.ts'
import { liveABit, Recording } from './recorded.ts'

const directory = temporaryDirectory('recordings')
after(() => removeDirectory(directory))

let files = 0
const newFile = () => join(directory, `${++files}.rec`)

async function recorded(
  live: (recording: Recording) => void = liveABit,
): Promise<{ file: string; recording: Recording }> {
  const file = newFile()
  const recording = new Recording(file)
  live(recording)
  await recording.stop()
  return { file, recording }
}

test('the rows are the recorded ones, byte for byte and batch for batch, at every speed', async () => {
  const { file, recording } = await recorded()
  assert.ok(recording.lines.length > 300)
  assert.match(recording.lines.join('\n'), /"lossy":true/)
  assert.match(
    recording.lines.join('\n'),
    /"state":"open".*"kind":"exchange"|"kind":"exchange","state":"open"/,
  )
  for (const speed of [0, 40, 400]) {
    const { batches, ledger, log } = await play(file, { speed })
    assert.deepEqual(batches, recording.batches, `speed ${speed}`)
    const { in: taken, lost, used, held } = ledger.entry()
    assert.deepEqual({ taken, lost, used }, booksOf(recording))
    assert.equal(held, 0)
    assert.equal(log.at(-1)?.msg, 'The recording was played')
  }
})

function booksOf({ ledger }: Recording) {
  const { in: taken, lost, used } = ledger.entry()
  return { taken, lost, used }
}

test('time goes by as it did, as much faster as is wanted', async () => {
  const file = newFile()
  const recording = new Recording(file)
  for (let look = 0; look < 3; look++) recording.look(() => {}, { afterMs: 400 })
  await recording.stop()
  const from = performance.now()
  await play(file, { speed: 4 })
  assert.ok(performance.now() - from >= 195, 'two spells of 400 ms, four times as fast')
})

test('reading waits for a pipeline that takes nothing, and no row is lost or changed', async () => {
  const { file, recording } = await recorded()
  let refusals = 5
  const busy = () => (refusals-- > 0 ? retryable('busy', 5) : { kind: 'ok' as const })
  const { batches, ledger } = await play(file, { backlog_rows_max: 1 }, busy)
  assert.deepEqual(batches, recording.batches)
  assert.ok((ledger.notes.get('refused_for_now') ?? 0) > 0)
})

test('a file that was cut gives what is before the cut, and its place', async () => {
  const { file, recording } = await recorded()
  truncateSync(file, statSync(file).size - 30)
  const { ledger, log } = await play(file)
  assert.equal(ledger.notes.get('recording_damaged'), 1)
  const { byte, reason } = log.at(-1) as { byte: number; reason: string }
  assert.ok(byte > 100 && byte < statSync(file).size)
  assert.equal(reason, 'the file was cut here')
  assert.ok(recording.lines.length > 0)
})

test('a file that ends between two blocks is told from one that was ended', async () => {
  const { file, recording } = await recorded()
  const bytes = readFileSync(file)
  // The last block: a head of 16 bytes, and why it ends.
  writeFileSync(file, bytes.subarray(0, bytes.length - 16 - '{"why":"stopped"}'.length))
  const { lines, log } = await play(file)
  assert.deepEqual(lines, recording.lines)
  assert.equal(log.at(-1)?.reason, 'nothing says its end')
})

test('a run that was killed gives what was sealed, and the run after it goes on', async () => {
  const file = newFile()
  const killed = new Recording(file)
  liveABit(killed)
  await killed.kill()
  const second = new Recording(file, { lost: 9 })
  liveABit(second)
  await second.stop()
  const { lines, log, ledger } = await play(file)
  assert.deepEqual(lines.slice(-second.lines.length), second.lines)
  assert.deepEqual(lines.slice(0, killed.lines.length), killed.lines)
  assert.equal(log.filter(({ msg }) => msg === 'Playing what was recorded').length, 2)
  assert.equal(ledger.entry().lost.payload_ring_full, 6)
})

test('queries are as they were recorded, or as is asked for', async () => {
  const { file } = await recorded()
  const targets = async (query: string) => {
    const { lines } = await play(file, { query })
    return new Set(lines.map((line) => /\?[^"]*/.exec(line)?.[0]))
  }
  assert.deepEqual(await targets('recorded'), new Set([undefined, '?key=REDACTED']))
  assert.deepEqual(await targets('keep'), new Set([undefined, '?key=secret']))
  assert.deepEqual(await targets('drop'), new Set([undefined]))
})

test('what cannot be played is refused at the start, by name', async () => {
  const other = newFile()
  await new Recording(other, { layout: '0123456789abcdef' }).stop()
  await assert.rejects(
    play(other),
    /of flowspan 9\.8\.7 \(layout 0123456789abcdef\), whose records/,
  )

  const text = newFile()
  writeFileSync(text, 'kind,state\nexchange,closed\n')
  await assert.rejects(play(text), /receivers::replay::path: cannot play .*: it is no recording/)

  const { file } = await recorded()
  const bytes = readFileSync(file)
  bytes.writeUInt16LE(2, 8)
  writeFileSync(file, bytes)
  await assert.rejects(play(file), /it has version 2 of the format, and only 1 is known/)

  const empty = newFile()
  writeFileSync(empty, '')
  await assert.rejects(play(empty), /it is empty/)
  await assert.rejects(play(join(directory, 'gone')), /ENOENT/)
})

test('a recording ends at its size, and says so', async () => {
  const file = newFile()
  const recording = new Recording(file, { bytesMax: 30_000 })
  const far = {
    connection: undefined as ReturnType<typeof recording.script.connection> | undefined,
  }
  recording.look(() => {
    far.connection = recording.script.connection({ role: 'server' })
  })
  // What does not repeat does not compress.
  for (let count = 0; count < 2000; count++) {
    const request = `GET /${Math.random()}${Math.random()} HTTP/1.1\r\nHost: x\r\n\r\n`
    recording.look(() => far.connection && recording.exchange(far.connection, request), {
      afterMs: 50,
    })
  }
  await recording.stop()
  assert.deepEqual(recording.over, ['full'])
  assert.ok(statSync(file).size <= 30_000)
  const { lines, ledger, log } = await play(file)
  assert.ok(lines.length > 50 && lines.length < recording.lines.length)
  assert.equal(ledger.notes.get('recording_damaged'), undefined)
  assert.equal(log.at(-1)?.ended, 'full')
})

const needsRoot = skipUnless(
  process.getuid?.() === 0 ? undefined : 'Cannot mount a small disk as this is not root',
)

test('a disk that is full ends the recording, and what is whole stays', {
  skip: needsRoot,
}, async (t) => {
  const disk = join(directory, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk])
  t.after(() => execFileSync('umount', [disk]))
  const file = join(disk, 'full.rec')
  const recording = new Recording(file)
  for (let count = 0; count < 1500; count++) {
    const path = `/${Math.random()}${Math.random()}`
    recording.look(
      () => {
        const connection = recording.script.connection()
        recording.exchange(connection, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      },
      { afterMs: 50 },
    )
  }
  await recording.stop()
  assert.match(String(recording.over), /ENOSPC/)
  const { lines, log } = await play(file)
  assert.ok(lines.length > 50)
  assert.deepEqual(log.at(-1)?.reason, 'nothing says its end')
})
