/**
 * The same requests through a proxy at each end, as a service mesh with sidecars sends them: what
 * the proxies take, a host side. They are given less work than a mesh gives them: no TLS between
 * them, no access log, no spans, no policy.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../test/kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory } from '../../test/kit/processes.ts'
import { Web } from '../web.ts'
import { cpuNs, familyOf, rssMiB } from './processes.ts'
import { RateSource } from './rate_source.ts'

const HOST = '127.0.0.1'
const WARM_MS = 2000
const ENVOY = process.env.ENVOY ?? 'envoy'

export interface SidecarCost {
  readonly name: string
  readonly perSecond: number
  /** Millicores of a host side for 1,000 requests/s. */
  readonly sum: number
  readonly rssMiB: number
  readonly p50Us: number
  readonly p99Us: number
}

type Proxy = (from: number, to: number, directory: string) => readonly [string, ...string[]]

export const SIDECARS: Readonly<Record<string, Proxy>> = { haproxy, nginx, envoy }

/** Whether the proxy is installed. */
export function isThere(name: string): boolean {
  const program = name === 'envoy' ? ENVOY : `/usr/sbin/${name}`
  return spawnSync(program, [name === 'envoy' ? '--version' : '-v']).status === 0
}

/** `none`: the requests alone. */
export async function costOfSidecar(
  name: string,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<SidecarCost> {
  const web = await Web.start()
  const directory = temporaryDirectory('sidecar')
  const [near, far] = (await freePorts(2)) as [number, number]
  const make = SIDECARS[name]
  const hops: [number, number][] =
    make === undefined
      ? []
      : [
          [near, far],
          [far, web.port],
        ]
  const proxies: Program[] = []
  const source = new RateSource()
  try {
    for (const [from, to] of hops) {
      const proxy = new Program((make as Proxy)(from, to, directory))
      proxies.push(proxy)
      await proxy.listens({ host: HOST, port: from })
    }
    await source.begin({ port: hops.length > 0 ? near : web.port, perSecond })
    await delay(WARM_MS)
    const pids = proxies.flatMap(({ pid }) => familyOf(pid))
    await source.take()
    const before = cpuNs(pids)
    await delay(seconds * 1000)
    const after = cpuNs(pids)
    const { requests, seconds: took, p50Us, p99Us } = await source.take()
    return {
      name,
      perSecond: requests / took,
      sum: ((after - before) / 1e6 / 2) * (1000 / requests),
      rssMiB: pids.reduce((sum, pid) => sum + rssMiB(pid), 0) / Math.max(1, proxies.length),
      ...{ p50Us, p99Us },
    }
  } finally {
    source.stop()
    for (const proxy of proxies) await proxy.stop()
    await web.stop()
    removeDirectory(directory)
  }
}

function haproxy(from: number, to: number, directory: string): readonly [string, ...string[]] {
  const path = join(directory, `haproxy-${from}.cfg`)
  writeFileSync(
    path,
    `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind ${HOST}:${from}
  default_backend out
backend out
  server next ${HOST}:${to}
`,
  )
  return ['/usr/sbin/haproxy', '-db', '-f', path]
}

function nginx(from: number, to: number, directory: string): readonly [string, ...string[]] {
  const path = join(directory, `nginx-${from}.conf`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    path,
    `
daemon off;
master_process off;
pid ${directory}/nginx-${from}.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 100000000;
  ${temporary.map((name) => `${name}_temp_path ${directory}/${name}-${from};`).join(' ')}
  upstream next { server ${HOST}:${to}; keepalive 32; }
  server {
    listen ${HOST}:${from};
    location / { proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  )
  return ['/usr/sbin/nginx', '-c', path]
}

function envoy(from: number, to: number, directory: string): readonly [string, ...string[]] {
  const path = join(directory, `envoy-${from}.json`)
  const address = (port: number) => ({ socket_address: { address: HOST, port_value: port } })
  const at = 'type.googleapis.com/envoy.extensions'
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${at}.filters.http.router.v3.Router` },
  }
  const manager = {
    '@type': `${at}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'in',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'out' } }],
        },
      ],
    },
    http_filters: [router],
  }
  const filter = {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: manager,
  }
  const endpoint = { endpoint: { address: address(to) } }
  const cluster = {
    name: 'out',
    connect_timeout: '5s',
    load_assignment: { cluster_name: 'out', endpoints: [{ lb_endpoints: [endpoint] }] },
  }
  const listener = { name: 'in', address: address(from), filter_chains: [{ filters: [filter] }] }
  const config = { static_resources: { listeners: [listener], clusters: [cluster] } }
  writeFileSync(path, JSON.stringify(config))
  const quiet = ['--log-level', 'error', '--disable-hot-restart']
  return [ENVOY, '-c', path, '--concurrency', '1', ...quiet]
}
