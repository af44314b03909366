/** Name servers in a pod: unbound, which knows a zone, and dnsmasq, which asks it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { CapturedPods } from './captured_pods.ts'
import { serveInPod } from './pod_process.ts'

/** What a zone answers with, beside the names of its records. */
export interface Zone {
  /** Lines of a zone file: `api.shop. A 10.1.2.3`. */
  readonly records: readonly string[]
  /** Zones whose queries are dropped, and refused. */
  readonly dropped?: readonly string[]
  readonly refused?: readonly string[]
  /** Zones of which there is nobody to ask: SERVFAIL. */
  readonly failing?: readonly string[]
}

/** Answers of more bytes do not fit into a datagram. */
export const DATAGRAM_BYTES_MAX = 1232

export async function startUnbound(
  t: TestContext,
  pods: CapturedPods,
  { port, zone }: { port: number; zone: Zone },
): Promise<void> {
  const file = join(pods.directory, 'unbound.conf')
  writeFileSync(file, configOf(pods, { port, zone }))
  const command = ['unbound', '-d', '-p', '-c', file]
  const server = await serveInPod(pods.server, { port, command })
  t.after(() => server.stop())
}

/** Asks the name server at `upstream` for all, and remembers nothing. */
export async function startDnsmasq(
  t: TestContext,
  pods: CapturedPods,
  { port, upstream }: { port: number; upstream: number },
): Promise<void> {
  const listens = [`--port=${port}`, `--listen-address=${pods.server.ipv4}`, '--bind-interfaces']
  const asks = ['--no-resolv', '--no-hosts', `--server=${pods.server.ipv4}#${upstream}`]
  const server = await serveInPod(pods.server, {
    port,
    command: [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file='],
      ...[...listens, ...asks, '--cache-size=0'],
    ],
  })
  t.after(() => server.stop())
}

function configOf(pods: CapturedPods, { port, zone }: { port: number; zone: Zone }): string {
  const localZones = [
    ...[...new Set(zone.records.map(zoneOf))].map((name) => [name, 'static']),
    ...(zone.dropped ?? []).map((name) => [name, 'deny']),
    ...(zone.refused ?? []).map((name) => [name, 'refuse']),
  ]
  return [
    'server:',
    `  interface: ${pods.server.ipv4}@${port}`,
    `  interface: ${pods.server.ipv6}@${port}`,
    '  access-control: 0.0.0.0/0 allow',
    '  access-control: ::0/0 allow',
    '  do-daemonize: no',
    '  chroot: ""',
    '  username: ""',
    `  directory: "${pods.directory}"`,
    '  use-syslog: no',
    '  num-threads: 1',
    '  module-config: "iterator"',
    `  max-udp-size: ${DATAGRAM_BYTES_MAX}`,
    ...localZones.map(([name, kind]) => `  local-zone: "${name}." ${kind}`),
    ...zone.records.map((line) => `  local-data: '${line}'`),
    'remote-control:',
    '  control-enable: no',
    // It asks nobody at its own machine, so there is nobody to ask.
    ...(zone.failing ?? []).flatMap((name) => [
      'forward-zone:',
      `  name: "${name}."`,
      '  forward-addr: 127.0.0.1',
    ]),
    '',
  ].join('\n')
}

/** The last label. */
function zoneOf(record: string): string {
  return record.split(' ')[0]?.split('.').at(-2) ?? ''
}
