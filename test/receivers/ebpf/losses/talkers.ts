/** Real servers of six protocols in a pod, and numbered requests to all of them from another. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Made } from '../../../kit/apps/numbered.ts'
import type { Told } from '../../../kit/apps/talkers/talker.ts'
import { CapturedPods } from '../../../kit/captured_pods.ts'
import {
  MARIADB_PORT,
  MEMCACHED_PORT,
  POSTGRESQL_PORT,
  REDIS_PORT,
  startMariadb,
  startMemcached,
  startPostgresql,
  startRedis,
} from '../../../kit/databases.ts'
import { KAFKA_PORT, startKafka } from '../../../kit/kafka.ts'
import { inPod } from '../../../kit/netns.ts'
import { serveInPod } from '../../../kit/pod_process.ts'
import { Program } from '../../../kit/processes.ts'

const APP = join(import.meta.dirname, '../../../kit/apps/talkers.ts')

export const PORTS = {
  redis: REDIS_PORT,
  memcached: MEMCACHED_PORT,
  postgresql: POSTGRESQL_PORT,
  mysql: MARIADB_PORT,
  kafka: KAFKA_PORT,
  grpc: 50_051,
} as const

export interface TalkLog {
  readonly told: readonly Told[]
  readonly made: readonly Made[]
}

export interface Servers {
  /** Network namespaces of both ends. */
  readonly namespaces: readonly number[]
  /** Everybody talks, until `finish`. */
  talk(): Promise<{ finish(): Promise<TalkLog> }>
}

export async function startServers(t: TestContext): Promise<Servers> {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await Promise.all([
    startRedis(t, pods),
    startMemcached(t, pods),
    startPostgresql(t, pods),
    startMariadb(t, pods),
    startKafka(pods).then((broker) => t.after(() => broker.stop())),
    serveInPod(pods.server, {
      port: PORTS.grpc,
      command: [process.execPath, APP, 'serve', `${PORTS.grpc}`],
    }).then((server) => t.after(() => server.stop())),
  ])
  return {
    namespaces: [pods.client.inode, pods.server.inode],
    async talk() {
      const log = join(pods.directory, 'log.json')
      const args = ['talk', pods.server.ipv4, log, JSON.stringify(PORTS)]
      const program = new Program(inPod(pods.client, [process.execPath, APP, ...args]))
      t.after(() => program.stop().then(() => {}))
      await program.line(/talks/)
      return {
        async finish() {
          process.kill(program.pid, 'SIGUSR2')
          await program.line(/done \d+/)
          await program.exited
          return JSON.parse(readFileSync(log, 'utf8')) as TalkLog
        },
      }
    },
  }
}
