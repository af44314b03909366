import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts, hostPort } from './ports.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from './processes.ts'

const shell = (script: string) => new Program(['/bin/sh', '-c', script])

/** A script of its own that imports the kit. */
function script(code: string): [string, ...string[]] {
  const url = (name: string) => JSON.stringify(join(import.meta.dirname, name))
  const imports = `
    import { Program, temporaryDirectory } from ${url('processes.ts')}
    import { freePorts } from ${url('ports.ts')}
    `
  return [process.execPath, '--input-type=module', '-e', imports + code]
}

function alive(pid: number): boolean {
  // A zombie that nobody has waited for yet does not live.
  return existsSync(`/proc/${pid}/exe`) && spawnSync('kill', ['-0', String(pid)]).status === 0
}

test('a program is waited for by a line of its output', async () => {
  const program = shell('echo up on port 12; exec sleep 60')
  const [, port] = await program.line(/port (\d+)/)
  assert.equal(port, '12')
  assert.ok(alive(program.pid))
  assert.deepEqual(await program.stop(), { code: null, signal: 'SIGTERM' })
})

test('a program that ends too early is an error with its output', async () => {
  const program = shell('echo no such flag >&2; exit 3')
  await assert.rejects(
    program.line(/ready/),
    /^Error: sh ended before it prints \/ready\/ \(exit 3\): no such flag$/,
  )
})

test('what a program printed just before its end is found', async () => {
  assert.ok(await shell('echo done').line(/done/))
})

test('a program that does not exist is an error with its name', async () => {
  const program = new Program(['/does/not/exist'])
  await assert.rejects(program.line(/ready/), /^Error: exist ended .*\/does\/not\/exist/s)
  await program.stop()
})

test('a program that says nothing is given up', async () => {
  const program = shell('exec sleep 60')
  await assert.rejects(program.line(/ready/, { timeoutMs: 50 }), /took too long until it prints/)
  await program.stop()
})

test('a program that ignores SIGTERM is killed', async () => {
  const program = shell('trap "" TERM; echo up; while :; do sleep 1; done')
  await program.line(/up/)
  assert.deepEqual(await program.stop({ timeoutMs: 50 }), { code: null, signal: 'SIGKILL' })
  assert.deepEqual(await program.stop(), { code: null, signal: 'SIGKILL' })
})

test('a program has ended though what it started holds its output', async () => {
  const program = shell('sleep 60 & echo child $!')
  const child = Number((await program.line(/child (\d+)\n/))[1])
  assert.deepEqual(await program.exited, { code: 0, signal: null })
  process.kill(child, 'SIGKILL')
})

test('output is kept to a bound, its end first', async () => {
  const program = shell('yes | head -c 1000000; echo last')
  await program.exited
  assert.equal(program.output.length, 256 * 1024)
  assert.ok(program.output.endsWith('\nlast\n'))
})

test('a program is waited for by its port', async () => {
  const [port] = (await freePorts(1)) as [number]
  const code = `require('net').createServer().listen(${port}, '127.0.0.1')`
  const program = new Program([process.execPath, '-e', code])
  await program.listens({ host: '127.0.0.1', port })
  await program.stop()
})

test('a program does not outlive a parent that is killed', async () => {
  const code = `
    console.log('child', new Program(['/bin/sleep', '60']).pid)
    setInterval(() => {}, 1000)`
  const parent = new Program(script(code))
  const child = Number((await parent.line(/child (\d+)\n/))[1])
  assert.ok(alive(child))
  await parent.stop({ timeoutMs: 0 })
  await waitFor('The end of the child', () => (alive(child) ? undefined : true))
})

test('an exit takes the programs and directories with it', async () => {
  const code = `
    console.log('child', new Program(['/bin/sleep', '60']).pid, temporaryDirectory('test'))
    process.exit(0)`
  const parent = new Program(script(code))
  const [, pid, directory] = await parent.line(/child (\d+) (.+)\n/)
  await parent.exited
  await waitFor('The end of the child', () => (alive(Number(pid)) ? undefined : true))
  assert.ok(!existsSync(directory as string))
})

test('a directory that a killed process left is removed by the next', async () => {
  const parent = new Program(
    script("console.log(temporaryDirectory('test')); setInterval(() => {}, 1000)"),
  )
  const [, left] = await parent.line(/^(\/.+)\n/)
  await parent.stop({ timeoutMs: 0 })
  assert.ok(existsSync(left as string))
  await new Program(script("console.log(temporaryDirectory('test'))")).exited
  assert.ok(!existsSync(left as string))
})

test('a temporary directory is removed with what is in it', () => {
  const directory = temporaryDirectory('test')
  writeFileSync(join(directory, 'file'), '')
  removeDirectory(directory)
  removeDirectory(directory)
  assert.ok(!existsSync(directory))
})

test('ports are different, free, and never those of another process', async () => {
  const mine = await freePorts(40)
  const other = new Program(script('console.log(JSON.stringify(await freePorts(40)))'))
  const theirs = JSON.parse((await other.line(/^(\[.*\])\n/))[1] as string) as number[]
  assert.equal(new Set([...mine, ...theirs]).size, 80)
  const server = createServer().listen(mine[0], '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  server.close()
})

test('an IPv6 address is written in brackets before its port', () => {
  assert.equal(hostPort('127.0.0.1', 80), '127.0.0.1:80')
  assert.equal(hostPort('::1', 80), '[::1]:80')
})
