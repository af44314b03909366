/** Cgroups and programs are told by name, before whoever could look them up would have to. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { RECORD_TYPE } from '../../pipeline/kernel_events/events.gen.ts'
import { type Cgroup, Cgroups, missingCgroups, removeCgroup } from '../kit/cgroups.ts'
import { Program, removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { skipUnless } from '../kit/requirements.ts'
import { command, type IdentityRecord, Kernel, sockets } from './kernel.ts'

const ID = 'c'.repeat(64)
const POD = 'kubepods.slice/kubepods-pod019c1fe8_0d92_4aa0_b61c_4df58bdde71c.slice'
const CONTAINER = `${POD}/cri-containerd-${ID}.scope`
const { RECORD_CGROUP, RECORD_PROCESS } = RECORD_TYPE

suite('identities', { skip: skipUnless(missingCgroups('v2')) }, () => {
  let kernel: Kernel
  let directory: string

  before(async () => {
    kernel = await Kernel.open({ requests: false })
    directory = temporaryDirectory('identity')
  })
  after(() => {
    kernel?.close()
    removeDirectory(directory)
  })

  const inside = (cgroup: Cgroup) =>
    sockets('client_closes_first', { within: (line) => cgroup.command(line) })
  const cgroupRecords = (id: bigint) =>
    kernel.identities.filter((r) => r.type === RECORD_CGROUP && r.cgroup_id === id)
  const processRecords = (pid: number): IdentityRecord[] =>
    kernel.identities.filter((r) => r.type === RECORD_PROCESS && r.pid === pid)

  test('a cgroup is told once, by the path that it had', async (t) => {
    const cgroups = made(t)
    const cgroup = cgroups.make(CONTAINER)
    for (let i = 0; i < 2; i++) await kernel.connection({ pid: (await inside(cgroup)).pid })
    assert.deepEqual(
      cgroupRecords(cgroup.id).map(({ path }) => path),
      [cgroup.path],
    )
  })

  test('a cgroup that is gone when its record is read has its name', async (t) => {
    const cgroups = made(t)
    const cgroup = cgroups.make(CONTAINER)
    const { pid } = await inside(cgroup)
    await removeCgroup(cgroup.folder)
    const { cgroup_id } = await kernel.connection({ pid })
    assert.equal(cgroup_id, cgroup.id)
    assert.deepEqual(
      cgroupRecords(cgroup.id).map(({ path }) => path),
      [cgroup.path],
    )
  })

  test('of a path that is too deep the inner names are told', async (t) => {
    const cgroups = made(t)
    const outer = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(200)).join('/')
    const cgroup = cgroups.make(`${outer}/${CONTAINER}`)
    await kernel.connection({ pid: (await inside(cgroup)).pid })
    const path = cgroupRecords(cgroup.id)[0]?.path ?? ''
    assert.ok(path.endsWith(`/${CONTAINER}`), path)
    assert.ok(path.length < cgroup.path.length)
  })

  test('a process is told once with its program', async () => {
    const { pid } = await sockets('client_closes_first')
    await kernel.connection({ pid })
    const python = command(
      'python3',
      '-c',
      'import os; print(os.readlink("/proc/self/exe"))',
    ).trim()
    assert.deepEqual(
      processRecords(pid).map(({ path }) => path),
      [python],
    )
  })

  test('a program on a mount of its own has its whole path, one that was replaced is told', async (t) => {
    const mount = join(directory, 'mount')
    mkdirSync(mount)
    command('mount', '-t', 'tmpfs', 'none', mount)
    try {
      const shell = join(mount, 'a-shell-with-a-long-name')
      copyFileSync('/bin/bash', shell)
      const { program: server, port } = await listening()
      t.after(() => server.stop())
      const connect = `exec 3<>/dev/tcp/127.0.0.1/${port}; exec 3>&-`
      const script = `${connect}; exec /bin/bash -c 'echo $$; ${connect}'`
      const program = new Program([shell, '-c', script])
      const [, pid] = await program.line(/^(\d+)$/m)
      await kernel.connection({ pid: Number(pid), comm: 'bash' })
      assert.deepEqual(
        processRecords(Number(pid)).map(({ path }) => path),
        [shell, command('readlink', '-f', '/bin/bash').trim()],
      )
    } finally {
      command('umount', mount)
    }
  })

  test('a reader that begins is told again of those that are there', async (t) => {
    const cgroups = made(t)
    const cgroup = cgroups.make(CONTAINER)
    const { program } = await listening(cgroup)
    t.after(() => program.stop())
    const pid = program.pid
    await kernel.connection({ pid })
    kernel.privileged.childStarted?.(process.pid)
    kernel.identities.length = 0
    kernel.privileged.childStarted?.(process.pid)
    kernel.drain()
    assert.equal(processRecords(pid).length, 1)
    assert.equal(cgroupRecords(cgroup.id)[0]?.path, cgroup.path)
  })

  test('where containers are in a hierarchy of v1, its cgroup is told with the process', {
    skip: skipUnless(missingCgroups('v1')),
  }, async (t) => {
    const cgroups = made(t, 'v1')
    const cgroup = cgroups.make(CONTAINER)
    const { pid } = await inside(cgroup)
    await kernel.connection({ pid })
    const id = cgroup.id | (1n << 63n)
    assert.deepEqual(
      processRecords(pid).map(({ cgroup_id }) => cgroup_id),
      [id],
    )
    assert.equal(cgroupRecords(id)[0]?.path, cgroup.path)
  })
})

function made(t: TestContext, version: 'v1' | 'v2' = 'v2'): Cgroups {
  const cgroups = new Cgroups(version)
  t.after(() => cgroups.remove())
  return cgroups
}

/** A program that has connected to itself, and listens. */
async function listening(cgroup?: Cgroup): Promise<{ program: Program; port: number }> {
  const script = [
    'import socket, time',
    's = socket.create_server(("127.0.0.1", 0))',
    'c = socket.create_connection(s.getsockname())',
    'print(s.getsockname()[1], flush=True)',
    'time.sleep(600)',
  ].join('\n')
  const words: [string, ...string[]] = ['python3', '-c', script]
  const program = new Program(cgroup === undefined ? words : cgroup.command(words))
  const [, port] = await program.line(/^(\d+)$/m)
  return { program, port: Number(port) }
}
