/** The DNS resolver before a real dnsmasq, in a network namespace whose resolv.conf names it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Network } from '../../kit/netns.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'

const RESOLVES = fileURLToPath(new URL('resolves.ts', import.meta.url))
const NAME = 'gateway-headless.telemetry.svc.cluster.local'

test('addresses of a name come and go; a name that has none for now keeps those it had', async (t) => {
  const network = new Network()
  const directory = temporaryDirectory('dnsmasq')
  const { netns } = network.pod('agent')
  // `ip netns exec` mounts this over /etc/resolv.conf.
  const etc = join('/etc/netns', netns)
  mkdirSync(etc, { recursive: true })
  writeFileSync(
    join(etc, 'resolv.conf'),
    'nameserver 127.0.0.1\nsearch telemetry.svc.cluster.local\n',
  )
  const hosts = join(directory, 'hosts')
  const serve = (...addresses: string[]) =>
    writeFileSync(hosts, addresses.map((address) => `${address} ${NAME}\n`).join(''))
  serve('10.1.0.2', '10.1.0.1', 'fd00::1')
  const inside = ['ip', 'netns', 'exec', netns] as const
  const dnsmasq = new Program([
    ...inside,
    'dnsmasq',
    ...['--keep-in-foreground', '--no-hosts', '--no-resolv', '--log-facility=-', '--user=root'],
    ...[
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      `--addn-hosts=${hosts}`,
      '--local-ttl=0',
    ],
    ...['--conf-file=/dev/null', `--pid-file=${join(directory, 'pid')}`],
  ])
  const lines: string[][] = []
  const resolving = spawn(inside[0], [...inside.slice(1), process.execPath, RESOLVES], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => {
    resolving.kill()
    await dnsmasq.stop({ timeoutMs: 0 })
    network.close()
    rmSync(etc, { recursive: true })
    removeDirectory(directory)
  })
  let rest = ''
  resolving.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part))
  })
  const found = (...wanted: string[]) =>
    waitFor(`to resolve ${wanted}`, () => {
      const last = lines.at(-1)
      return last !== undefined && JSON.stringify(last) === JSON.stringify(wanted)
        ? true
        : undefined
    })
  await found('10.1.0.1:4317', '10.1.0.2:4317', '[fd00::1]:4317')
  const reread = () => process.kill(Number(dnsmasq.pid), 'SIGHUP')
  serve('10.1.0.2', '10.1.0.3')
  reread()
  await found('10.1.0.2:4317', '10.1.0.3:4317')
  serve()
  reread()
  await found('failed')
  serve('10.1.0.9')
  reread()
  await found('10.1.0.9:4317')
  assert(lines.length >= 4)
})
