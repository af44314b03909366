/** Requests that are known before they are made: apps/numbered.ts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from './apps/numbered.ts'
import { Program, removeDirectory, temporaryDirectory } from './processes.ts'

const APPS = join(import.meta.dirname, 'apps')

export interface Traffic {
  readonly port: number
  /** Lets the client finish; its log. */
  finish(): Promise<Log>
  stop(): Promise<void>
}

/** The server, and a client that asks it until it is told to finish. */
export async function startTraffic({ kept, pauseMs }: { kept: number; pauseMs: number }) {
  const directory = temporaryDirectory('numbered')
  const server = new Program([process.execPath, join(APPS, 'numbered_server.ts')])
  const port = Number((await server.line(/listens (\d+)/))[1])
  const log = join(directory, 'log.json')
  const args = [String(port), log, String(kept), String(pauseMs)]
  const client = new Program([process.execPath, join(APPS, 'numbered_client.ts'), ...args])
  const traffic: Traffic = {
    port,
    async finish() {
      process.kill(client.pid, 'SIGUSR2')
      await client.line(/done \d+/)
      await client.exited
      return JSON.parse(readFileSync(log, 'utf8')) as Log
    },
    async stop() {
      await Promise.all([client.stop(), server.stop()])
      removeDirectory(directory)
    },
  }
  return traffic
}
