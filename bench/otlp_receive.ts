/**
 * What it costs to receive spans: requests of 10, 100 and 1000 spans of 10 attributes over gRPC and
 * HTTP/protobuf, in spans per CPU second of the receiving process. Beside it the same server with
 * protobufjs decoding what it got, and the OpenTelemetry Collector (otlp receiver → nop exporter)
 * with Go's default garbage collection and with GOGC=400.
 *
 * CPU time is the kernel's of the whole process; the sender is another one. The four take turns in
 * every round, and each figure is the median of the rounds.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { SPAN_KIND, TracesWriter } from '../pipeline/otlp/traces_writer.ts'
import { ensureBackend } from '../test/kit/backends.ts'
import { freePorts } from '../test/kit/ports.ts'
import { Program, temporaryDirectory } from '../test/kit/processes.ts'
import { frame, TRACES } from '../test/receivers/otlp/raw_grpc.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 5
const SIZES = [10, 100, 1000]
const PROTOCOLS = ['grpc', 'http'] as const
const AT_ONCE = 16
const WARM_MS = 1500
const MEASURE_MS = 1500
/** Of `/proc/PID/stat`: USER_HZ, which is 100 on every Linux that runs here. */
const TICKS_A_SECOND = 100

type Protocol = (typeof PROTOCOLS)[number]

interface Target {
  readonly name: string
  readonly program: Program
  readonly address: { readonly [P in Protocol]: string }
}

function requestOf(spans: number): Uint8Array {
  const ids = Uint32Array.from({ length: spans * 4 + 8 }, (_, i) => Math.imul(i + 1, 0x9e3779b1))
  const writer = new TracesWriter()
  writer.beginResource()
  writer.attrString('service.name', 'frontend')
  writer.attrString('k8s.pod.name', 'frontend-5d8f7c9b4-x2x7k')
  writer.beginScope('bench', '1')
  for (let i = 0; i < spans; i++) {
    writer.beginSpan()
    writer.traceId(ids, i)
    writer.spanId(ids, i)
    writer.parentSpanId(ids, i + 1)
    writer.name('GET /api/v1/orders/{id}')
    writer.kind(SPAN_KIND.server)
    writer.start(ids, i)
    writer.end(ids, i + 1)
    writer.attrString('http.request.method', 'GET')
    writer.attrInt('http.response.status_code', 200)
    writer.attrString('url.path', '/api/v1/orders/123456')
    writer.attrString('url.scheme', 'http')
    writer.attrString('server.address', 'api.shop.svc.cluster.local')
    writer.attrInt('server.port', 8080)
    writer.attrString('client.address', '10.244.1.17')
    writer.attrInt('client.port', 43_210)
    writer.attrString('network.protocol.version', '1.1')
    writer.attrDouble('app.cart.value', 17.95)
  }
  return writer.finish().bytes
}

async function startOurs(behind: 'nothing' | 'protobufjs'): Promise<Target> {
  const address = await addresses()
  const server = join(import.meta.dirname, 'otlp_server.ts')
  const command = [process.execPath, server, behind, address.grpc, address.http] as const
  const program = new Program([...command])
  await program.line(/ready/)
  return { name: behind === 'nothing' ? 'flowspan' : '… and protobufjs', program, address }
}

async function startCollector(name: string, env: Record<string, string>): Promise<Target> {
  const address = await addresses()
  const config = join(temporaryDirectory('bench'), 'otelcol.json')
  const { grpc, http } = address
  const protocols = { grpc: { endpoint: grpc }, http: { endpoint: http } }
  const pipelines = { traces: { receivers: ['otlp'], exporters: ['nop'] } }
  const service = { pipelines, telemetry: { metrics: { level: 'none' } } }
  const whole = { receivers: { otlp: { protocols } }, exporters: { nop: {} }, service }
  writeFileSync(config, JSON.stringify(whole))
  const program = new Program([await ensureBackend('otelcol'), '--config', config], { env })
  await program.line(/Everything is ready/)
  return { name, program, address }
}

async function addresses(): Promise<Target['address']> {
  const [grpc, http] = await freePorts(2)
  return { grpc: `127.0.0.1:${grpc}`, http: `127.0.0.1:${http}` }
}

/** Sends requests, so many at once, until the time is over. Gives how many were taken. */
async function load(send: () => Promise<void>, forMs: number): Promise<number> {
  const endMs = performance.now() + forMs
  let taken = 0
  const loop = async () => {
    while (performance.now() < endMs) {
      await send()
      taken++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, loop))
  return taken
}

function callOver(session: ClientHttp2Session, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { ':method': 'POST', ':path': TRACES, 'content-type': 'application/grpc' }
    const stream = session.request({ ...headers, te: 'trailers' })
    let status: unknown
    const note = (found: object) => {
      status = (found as Record<string, unknown>)['grpc-status'] ?? status
    }
    stream.on('response', note).on('trailers', note).on('error', reject)
    stream.once('close', () => (status === '0' ? resolve() : reject(new Error(`code ${status}`))))
    stream.resume()
    stream.end(message)
  })
}

function postOver(agent: Agent, address: string, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
    const url = `http://${address}/v1/traces`
    const request = httpRequest(url, { method: 'POST', headers, agent }, (response) => {
      response.resume().once('end', resolve)
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
    })
    request.once('error', reject).end(body)
  })
}

/** User and system time of a process, in seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Thousand spans per CPU second of the process. */
async function measure(target: Target, protocol: Protocol, spans: number): Promise<number> {
  const body = requestOf(spans)
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const session = connect(`http://${target.address.grpc}`)
  const message = frame(body)
  const send =
    protocol === 'grpc'
      ? () => callOver(session, message)
      : () => postOver(agent, target.address.http, body)
  try {
    await load(send, WARM_MS)
    const before = cpuSeconds(target.program.pid)
    const taken = await load(send, MEASURE_MS)
    return (taken * spans) / (cpuSeconds(target.program.pid) - before) / 1000
  } finally {
    session.close()
    agent.destroy()
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

const targets = [
  await startOurs('nothing'),
  await startOurs('protobufjs'),
  await startCollector('Collector', {}),
  await startCollector('Collector, GOGC=400', { GOGC: '400' }),
]
console.log(describeMachine())
console.log(`A span has ${Math.round(requestOf(1000).length / 1000)} bytes; ${AT_ONCE} at once`)
console.log('Thousand spans per CPU second of the receiver, and how many times flowspan does it:\n')
console.log(`| protocol | spans a request | ${targets.map(({ name }) => name).join(' | ')} |`)
console.log(`|---|---|${targets.map(() => '---|').join('')}`)
for (const protocol of PROTOCOLS) {
  for (const spans of SIZES) {
    const rounds = targets.map(() => [] as number[])
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, target] of targets.entries()) {
        rounds[i]?.push(await measure(target, protocol, spans))
      }
    }
    const rates = rounds.map(median)
    const [ours = 0] = rates
    const cells = rates.map((rate, i) =>
      i === 0 ? rate.toFixed(0) : `${rate.toFixed(0)} (${(ours / rate).toFixed(1)}×)`,
    )
    console.log(`| ${protocol} | ${spans} | ${cells.join(' | ')} |`)
  }
}
for (const { program } of targets) await program.stop()
