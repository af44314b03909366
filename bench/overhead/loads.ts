/** Loads that take all the CPU there is, a CPU an end, and count what was done so far. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Authority } from '../../test/kit/certificates.ts'
import { freePorts } from '../../test/kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory } from '../../test/kit/processes.ts'
import { LARGE_BYTES, startWrk, Web, type WrkOptions } from '../web.ts'
import { pin } from './processes.ts'
import { RateSource } from './rate_source.ts'

const STREAM = join(import.meta.dirname, 'stream.py')
const FOREVER_SECONDS = 3600
const SERVER_CPU = 0
const CLIENT_CPU = 1

/** What a slice has seen: `done` grows, or `latencyUs` is of the time since it was asked last. */
export interface Reading {
  readonly done: number
  readonly p99Us?: number
}

export interface Load {
  readonly name: string
  /** What `done` counts. */
  readonly unit: string
  /** The processes at both ends. */
  readonly pids: readonly number[]
  read(): Promise<Reading>
  stop(): Promise<void>
}

function pinned(server: number, client: number): readonly number[] {
  pin(server, SERVER_CPU)
  pin(client, CLIENT_CPU)
  return [server, client]
}

async function wrk(
  of: Pick<Load, 'name' | 'unit'> & { options: WrkOptions },
  done: (web: Web) => Promise<number>,
): Promise<Load> {
  const web = await Web.start()
  const client = startWrk(web.port, FOREVER_SECONDS, of.options)
  return {
    name: of.name,
    unit: of.unit,
    pids: pinned(web.pid, client.pid as number),
    read: async () => ({ done: await done(web) }),
    async stop() {
      client.kill('SIGTERM')
      await web.stop()
    },
  }
}

export function keptConnections(): Promise<Load> {
  const of = { name: 'HTTP/1, kept connections', unit: 'requests/s', options: {} }
  return wrk(of, (web) => web.requests())
}

export function shortConnections(): Promise<Load> {
  const options = { close: true }
  const of = { name: 'HTTP/1, a connection each', unit: 'connections/s', options }
  return wrk(of, (web) => web.connections())
}

/** nginx as it is without `sendfile`: it writes what it has read. */
export function largeBodies(): Promise<Load> {
  const options = { path: '/large', connections: 2 }
  const of = { name: 'HTTP/1, bodies of 1 MiB', unit: 'MB/s', options }
  return wrk(of, async (web) => ((await web.requests()) * LARGE_BYTES) / 1e6)
}

/** One response after another that lasts: a download. */
export async function longBody(): Promise<Load> {
  const web = await Web.start()
  const client = new Program(['python3', STREAM, 'download', `${web.port}`])
  return {
    name: 'HTTP/1, bodies of 32 MiB',
    unit: 'MB/s',
    pids: pinned(web.pid, client.pid),
    // What nginx has written: all but what is left of these files is its answers.
    read: async () => ({ done: writtenBytes(web.pid) / 1e6 }),
    async stop() {
      await client.stop()
      await web.stop()
    },
  }
}

/** Of all write() and the like of a process, to files too. */
function writtenBytes(pid: number): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** One stream of bytes in no protocol, or the same in TLS. */
export async function stream(tls: boolean): Promise<Load> {
  const directory = temporaryDirectory('stream')
  const count = join(directory, 'count')
  writeFileSync(count, Buffer.alloc(8))
  const [port] = (await freePorts(1)) as [number]
  const { key, cert } = new Authority(directory).issue('server')
  const own = tls ? [cert, key] : []
  const server = new Program(['python3', STREAM, 'server', `${port}`, count, ...own])
  await waitForListener(server, port)
  const client = new Program(['python3', STREAM, 'client', `${port}`, ...(tls ? ['tls'] : [])])
  return {
    name: tls ? 'a stream in TLS' : 'a stream of bytes',
    unit: 'MB/s',
    pids: pinned(server.pid, client.pid),
    read: async () => ({ done: Number(readFileSync(count).readBigUInt64LE()) / 1e6 }),
    async stop() {
      await client.stop()
      await server.stop()
      removeDirectory(directory)
    },
  }
}

/** It takes one connection alone, so trying is no way to find out. */
async function waitForListener(server: Program, port: number): Promise<void> {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`
  await server.until('listens', () => readFileSync('/proc/net/tcp', 'utf8').includes(hex) || null)
}

/** Requests at a fixed rate: what counts is how long the slowest of a hundred takes. */
export async function steadyRequests(perSecond: number): Promise<Load> {
  const web = await Web.start()
  const source = new RateSource()
  await source.begin({ port: web.port, perSecond })
  let done = 0
  return {
    name: `p99 at ${perSecond.toLocaleString('en')} requests/s`,
    unit: 'µs',
    pids: [web.pid, source.pid],
    async read() {
      const { requests, p99Us } = await source.take()
      done += requests
      return { done, p99Us }
    },
    async stop() {
      source.stop()
      await web.stop()
    },
  }
}
