/** The load: nginx with one worker on loopback, and what drives it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { freePorts } from '../test/kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory } from '../test/kit/processes.ts'

const HOST = '127.0.0.1'

/** nginx that answers 1 KiB, and counts what it answered. */
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

  /** Requests answered on the measured port since the start. */
  async requests(): Promise<number> {
    const text = await new Promise<string>((resolve, reject) => {
      const options = { host: HOST, port: this.#statusPort, agent: this.#agent }
      get(options, async (response) => {
        resolve((await response.setEncoding('utf8').toArray()).join(''))
      }).on('error', reject)
    })
    return Number(/\n \d+ \d+ (\d+)/.exec(text)?.[1])
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
  server { listen ${HOST}:${port}; location / { return 200 "${'x'.repeat(1024)}"; } }
  server { listen ${HOST}:${statusPort}; location / { stub_status; } }
}
`
}

/** wrk over kept connections, until `stop` or after `seconds`. */
export function startWrk(port: number, seconds: number): ChildProcess {
  const args = ['-t1', '-c16', `-d${Math.ceil(seconds)}s`, `http://${HOST}:${port}/`]
  return spawn('wrk', args, { stdio: 'ignore' })
}
