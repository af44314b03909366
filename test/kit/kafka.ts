/**
 * A real broker of Kafka (KRaft, one node), Kafka's own client (test/backends/kafka/Talk.java) and
 * one in Go (test/backends/kafka_go), in pods.
 *
 * Maven fetches the class path once into the cache, named by all that it is made from.
 */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { backendsCache, ensureBackend } from './backends.ts'
import type { CapturedPods } from './captured_pods.ts'
import type { Pod } from './netns.ts'
import { runInPod, serveInPod } from './pod_process.ts'
import type { Program } from './processes.ts'

const run = promisify(execFile)

export const KAFKA_PORT = 9092
const FOLDER = join(import.meta.dirname, '../backends/kafka')
const SOURCES = ['pom.xml', 'Talk.java']
/** Small, and quick to start: what it does is little. */
const JVM = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
]
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk'

/** One sentence that says what is missing and what to do, or undefined. */
export function missingForKafka(): string | undefined {
  const has = (program: string, flag: string) => !spawnSync(program, [flag]).error
  if (has('javac', '-version') && has('mvn', '-version')) return undefined
  return 'Cannot run Kafka as there is no JDK, or no Maven: apt-get install default-jdk-headless maven'
}

/** Still has the versions that Kafka 4 has removed: see tools/kafka2ts.ts. */
const CLIENTS_BEFORE = 'org.apache.kafka:kafka-clients:3.9.1'

let known: Promise<string> | undefined

/** The class path of broker and client; fetched and compiled when it is not in the cache. */
export function ensureKafka(): Promise<string> {
  known ??= build()
  return known
}

async function build(): Promise<string> {
  const hash = createHash('sha256').update(CLIENTS_BEFORE)
  for (const file of SOURCES) hash.update(readFileSync(join(FOLDER, file)))
  const directory = join(backendsCache(), `kafka-${hash.digest('hex').slice(0, 16)}`)
  const classPath = `${directory}/lib/*:${directory}/classes`
  if (existsSync(directory)) return classPath
  process.stderr.write('Fetching Kafka with Maven (a minute, once)\n')
  // Others may do the same at the same time: who is first has made it.
  const partial = `${directory}.${process.pid}`
  mkdirSync(partial, { recursive: true })
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${partial}/lib`]
  await run('mvn', ['-q', '-B', '-f', join(FOLDER, 'pom.xml'), ...copy])
  const older = [
    'dependency:copy',
    `-Dartifact=${CLIENTS_BEFORE}`,
    `-DoutputDirectory=${partial}/3`,
  ]
  await run('mvn', ['-q', '-B', '-f', join(FOLDER, 'pom.xml'), ...older])
  const compile = ['-d', `${partial}/classes`, '-cp', `${partial}/lib/*`]
  await run('javac', [...compile, join(FOLDER, 'Talk.java')])
  try {
    renameSync(partial, directory)
  } catch (error) {
    rmSync(partial, { recursive: true })
    if (!existsSync(directory)) throw error
  }
  return classPath
}

/** Jars of Kafka's client, of the broker's release and of the one before. */
export async function kafkaClients(): Promise<readonly [now: string, before: string]> {
  const directory = dirname((await ensureKafka()).split(':')[0] as string)
  const [now = ''] = globSync('kafka-clients-*.jar', { cwd: directory })
  const [before = ''] = globSync('kafka-clients-*.jar', { cwd: join(directory, '../3') })
  return [join(directory, now), join(directory, '../3', before)]
}

/** In the server's pod; topics are made by clients alone. */
export async function startKafka(pods: CapturedPods): Promise<Program> {
  const classPath = await ensureKafka()
  const config = join(pods.directory, 'server.properties')
  const data = join(pods.directory, 'kafka')
  writeFileSync(config, properties(pods.server.ipv4, data))
  const java = ['java', ...JVM, '-cp', classPath]
  const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config]
  await run(java[0] as string, [...java.slice(1), ...format])
  const command = [...java, 'kafka.Kafka', config]
  return await serveInPod(pods.server, { port: KAFKA_PORT, command })
}

function properties(address: string, data: string): string {
  const internal = ['offsets.topic', 'transaction.state.log']
  return [
    'process.roles=broker,controller',
    'node.id=1',
    'controller.quorum.voters=1@127.0.0.1:9093',
    'controller.listener.names=CONTROLLER',
    `listeners=PLAINTEXT://${address}:${KAFKA_PORT},CONTROLLER://127.0.0.1:9093`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${data}`,
    'auto.create.topics.enable=false',
    ...internal.flatMap((name) => [`${name}.replication.factor=1`, `${name}.num.partitions=1`]),
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    '',
  ].join('\n')
}

/** What the client counted in these scenes: see Talk.java. */
export async function talkToKafka(
  { client, server }: { readonly client: Pod; readonly server: Pod },
  scenes: readonly string[],
): Promise<Readonly<Record<string, number | string | readonly number[]>>> {
  const java = ['java', ...JVM, '-cp', await ensureKafka(), 'Talk']
  const { stdout } = await runInPod(client, [...java, `${server.ipv4}:${KAFKA_PORT}`, ...scenes])
  return JSON.parse(stdout)
}

/** The same of the client in Go, with that many messages to a topic. */
export async function talkInGo(
  { client, server }: { readonly client: Pod; readonly server: Pod },
  { topic, count }: { topic: string; count: number },
): Promise<{ sent: number; polled: number }> {
  const program = await ensureBackend('kafka_go')
  const to = `${server.ipv4}:${KAFKA_PORT}`
  const { stdout } = await runInPod(client, [program, to, topic, String(count)])
  return JSON.parse(stdout)
}
