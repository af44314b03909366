/**
 * Runs benches: `npm run bench` all, `npm run bench -- overhead stitch` those.
 *
 * One after another, each in a process of its own, so that none warms up or burdens the next.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const BENCHES = [
  'overhead',
  'pieces',
  'exchange_kernel',
  'selection',
  'segments',
  'episodes',
  'sockets',
  'identities',
  'datagrams',
  'http1',
  'received',
  'http2_parser',
  'dns_parser',
  'kafka_parser',
  'memcached_parser',
  'mysql_parser',
  'postgresql_parser',
  'redis_parser',
  'k8s_join',
  'k8s_resources',
  'stitch',
  'otlp_write',
  'otlp_receive',
  'flows_otlp',
  'gateway',
  'load_balancing',
  'exchange_path',
  'export_path',
  'recording',
  'causes',
  'export_queue',
  'storage',
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !BENCHES.includes(name))
if (unknown.length > 0) {
  console.error(`Error: no bench is named ${unknown.join(', ')}; there are ${BENCHES.join(', ')}`)
  process.exit(1)
}
for (const name of wanted.length > 0 ? wanted : BENCHES) {
  const file = join(import.meta.dirname, `${name}.ts`)
  if (!existsSync(file)) throw new Error(`The bench ${name} is listed but has no file`)
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
  console.log()
}
