/** The load: nginx with one worker on loopback, and what drives it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { freePorts } from '../test/kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory } from '../test/kit/processes.ts'

const HOST = '127.0.0.1'
/** Of the file that is served as /large. */
export const LARGE_BYTES = 1 << 20
/** Of that of /long: some 10 ms. */
const LONG_BYTES = 32 << 20

/** nginx that answers 1 KiB, or 1 MiB, and counts what it answered. */
export class Web {
  readonly port: number
  readonly #statusPort: number
  readonly #program: Program
  readonly #directory: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  private constructor(ports: [number, number]) {
    this.port = ports[0]
    this.#statusPort = ports[1]
    this.#directory = temporaryDirectory('web')
    mkdirSync(join(this.#directory, 'tmp'))
    writeFileSync(join(this.#directory, 'large'), Buffer.alloc(LARGE_BYTES, 'x'))
    // A file of zeros that takes no room.
    const long = openSync(join(this.#directory, 'long'), 'w')
    ftruncateSync(long, LONG_BYTES)
    closeSync(long)
    const path = join(this.#directory, 'nginx.conf')
    writeFileSync(path, nginxConfig(this.#directory, ports))
    this.#program = new Program(['/usr/sbin/nginx', '-c', path])
  }

  static async start(): Promise<Web> {
    const [port, statusPort] = (await freePorts(2)) as [number, number]
    const web = new Web([port, statusPort])
    await web.#program.listens({ host: HOST, port: web.#statusPort })
    return web
  }

  get pid(): number {
    return this.#program.pid
  }

  /** Requests answered since the start. */
  async requests(): Promise<number> {
    return (await this.#status()).requests
  }

  /** Connections accepted since the start. */
  async connections(): Promise<number> {
    return (await this.#status()).accepted
  }

  async #status(): Promise<{ accepted: number; requests: number }> {
    const text = await new Promise<string>((resolve, reject) => {
      const options = { host: HOST, port: this.#statusPort, agent: this.#agent }
      get(options, async (response) => {
        resolve((await response.setEncoding('utf8').toArray()).join(''))
      }).on('error', reject)
    })
    const [, accepted, requests] = /\n (\d+) \d+ (\d+)/.exec(text) ?? []
    return { accepted: Number(accepted), requests: Number(requests) }
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.#program.stop()
    removeDirectory(this.#directory)
  }
}

function nginxConfig(directory: string, [port, statusPort]: [number, number]): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 100000000;
  ${paths.map((name) => `${name}_temp_path ${directory}/tmp;`).join(' ')}
  server {
    listen ${HOST}:${port};
    location / { return 200 "${'x'.repeat(1024)}"; }
    location /large { root ${directory}; }
    location /long { root ${directory}; output_buffers 2 256k; }
  }
  server { listen ${HOST}:${statusPort}; location / { stub_status; } }
}
`
}

export interface WrkOptions {
  readonly path?: string
  readonly connections?: number
  /** A connection for each request. */
  readonly close?: boolean
}

/** wrk over kept connections, until it is killed or after `seconds`. */
export function startWrk(
  port: number,
  seconds: number,
  { path = '/', connections = 16, close = false }: WrkOptions = {},
): ChildProcess {
  const header = close ? ['-H', 'Connection: close'] : []
  const load = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`]
  return spawn('wrk', [...load, ...header, `http://${HOST}:${port}${path}`], { stdio: 'ignore' })
}
