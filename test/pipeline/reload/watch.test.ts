import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileWatch } from '../../../pipeline/reload/watch.ts'
import { temporaryDirectory, waitFor } from '../../kit/processes.ts'

const POLL_MS = 20
/** Long enough for a change to be told of, were there one. */
const QUIET_MS = 10 * POLL_MS

class Watched {
  readonly directory = temporaryDirectory('watch')
  readonly watch = new FileWatch({ pollMs: POLL_MS })
  changes = 0

  constructor(t: TestContext, prepare: (directory: string) => string[]) {
    // The files, read once, as at the start of a process.
    this.watch.reading()
    this.watch.read(prepare(this.directory))
    this.watch.start(() => this.changes++)
    // The watch keeps no process up: the test has to.
    const hold = setInterval(() => {}, 1000)
    t.after(() => {
      this.watch.stop()
      clearInterval(hold)
    })
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  async sees(changes: number): Promise<void> {
    await waitFor(`change ${changes}`, () => this.changes >= changes, {
      timeoutMs: 5000,
    })
    assert.equal(this.changes, changes)
  }
}

function config(directory: string): string[] {
  const path = join(directory, 'config.yaml')
  writeFileSync(path, 'a: 1')
  return [path]
}

test('a file that is written is a change, once', async (t) => {
  const watched = new Watched(t, config)
  await sleep(QUIET_MS)
  assert.equal(watched.changes, 0)
  writeFileSync(watched.path('config.yaml'), 'a: 2')
  await watched.sees(1)
  await sleep(QUIET_MS)
  assert.equal(watched.changes, 1)
})

test('a file that an editor puts in its place is a change, of the same size and time too', async (t) => {
  const watched = new Watched(t, config)
  writeFileSync(watched.path('new'), 'a: 2')
  utimesSync(watched.path('new'), 1, 1)
  renameSync(watched.path('config.yaml'), watched.path('backup'))
  renameSync(watched.path('new'), watched.path('config.yaml'))
  await watched.sees(1)
})

test('a ConfigMap is swapped by its `..data` link', async (t) => {
  const watched = new Watched(t, (directory) => {
    for (const version of ['..v1', '..v2']) {
      mkdirSync(join(directory, version))
      writeFileSync(join(directory, version, 'config.yaml'), version)
    }
    symlinkSync('..v1', join(directory, '..data'))
    symlinkSync('..data/config.yaml', join(directory, 'config.yaml'))
    return [join(directory, 'config.yaml')]
  })
  symlinkSync('..v2', watched.path('..data_tmp'))
  renameSync(watched.path('..data_tmp'), watched.path('..data'))
  rmSync(watched.path('..v1'), { recursive: true })
  await watched.sees(1)
})

test('a file that goes, and one that comes again, are changes', async (t) => {
  const watched = new Watched(t, config)
  rmSync(watched.path('config.yaml'))
  await watched.sees(1)
  writeFileSync(watched.path('config.yaml'), 'a: 3')
  await watched.sees(2)
})

test('a change while the files are read is a change', async (t) => {
  const watched = new Watched(t, config)
  watched.watch.reading()
  writeFileSync(watched.path('config.yaml'), 'a: 22')
  watched.watch.read([watched.path('config.yaml')])
  await watched.sees(1)
})

test('what is read again is no change any more, and new files are watched', async (t) => {
  const watched = new Watched(t, config)
  writeFileSync(watched.path('other.yaml'), 'b: 1')
  writeFileSync(watched.path('config.yaml'), 'a: 22')
  watched.watch.reading()
  watched.watch.read([watched.path('config.yaml'), watched.path('other.yaml')])
  await sleep(QUIET_MS)
  assert.equal(watched.changes, 0)
  writeFileSync(watched.path('other.yaml'), 'b: 22')
  await watched.sees(1)
  watched.watch.stop()
  writeFileSync(watched.path('other.yaml'), 'b: 333')
  await sleep(QUIET_MS)
  assert.equal(watched.changes, 1)
})
