/**
 * flowspan with its queue on disk, killed over and over between a sender that goes on and a backend
 * that comes and goes: what the sender was told is accepted reaches the backend.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { Backend } from '../exporters/otlp/backend.ts'
import { freePorts } from '../kit/ports.ts'
import { Program, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { decode, encode } from '../proto/otlp.ts'

const MAIN = join(import.meta.dirname, '../../main.ts')
const KILLS = 30
const CONSUMERS = 4
const SPANS = 5
const UNAVAILABLE = 14

function configOf(of: { directory: string; receiver: number; backend: number }): string {
  return stringify({
    extensions: { file_storage: { directory: of.directory, segment_size_mib: 1 } },
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${of.receiver}` } } } },
    exporters: {
      otlp: {
        endpoint: `127.0.0.1:${of.backend}`,
        tls: { insecure: true },
        sending_queue: { storage: 'file_storage', num_consumers: CONSUMERS, queue_size: 50_000 },
        retry_on_failure: { initial_interval: '20ms', max_interval: '200ms', max_elapsed_time: 0 },
      },
    },
    service: {
      extensions: ['file_storage'],
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp'] } },
    },
  })
}

/** Sends until it is told to stop; what was answered 200 is accepted. */
class Sender {
  readonly accepted = new Set<string>()
  #isStopped = false

  async run(port: number): Promise<void> {
    for (let request = 0; !this.#isStopped; request++) {
      const names = Array.from({ length: SPANS }, (_, i) => `${request}-${i}`)
      const spans = names.map((name) => ({
        traceId: randomBytes(16),
        spanId: randomBytes(8),
        name,
        startTimeUnixNano: 1,
        endTimeUnixNano: 2,
      }))
      const body = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }).bytes
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-protobuf' },
          body: Buffer.from(body),
        })
        await answer.arrayBuffer()
        if (answer.status === 200) for (const name of names) this.accepted.add(name)
        else await sleep(5)
      } catch {
        // Nobody listens, or was killed before it answered.
        await sleep(5)
      }
    }
  }

  stop(): void {
    this.#isStopped = true
  }
}

/** A backend that is there most of the time, and now and then says that it cannot. */
class Fickle {
  readonly delivered = new Map<string, number>()
  #backend: Backend | undefined
  restarts = 0

  async up(port = 0): Promise<number> {
    const backend = new Backend()
    backend.answer = (number) => {
      if (Math.random() < 0.1) return { code: UNAVAILABLE, details: 'not now' }
      const { bytes } = backend.received[number]!
      for (const { name } of spansOf(bytes)) {
        this.delivered.set(name, (this.delivered.get(name) ?? 0) + 1)
      }
      return new Uint8Array(0)
    }
    this.#backend = await backend.listen({ port })
    return backend.port
  }

  down(): void {
    this.#backend?.close()
    this.#backend = undefined
    this.restarts++
  }

  get isUp(): boolean {
    return this.#backend !== undefined
  }
}

function spansOf(bytes: Uint8Array): { name: string }[] {
  const { resourceSpans } = decode({ signal: 'traces', items: 0, bytes })
  return resourceSpans.flatMap((resource: { scopeSpans: { spans: { name: string }[] }[] }) =>
    resource.scopeSpans.flatMap(({ spans }) => spans),
  )
}

test(`killed ${KILLS} times, flowspan delivers each span that it accepted`, async (t) => {
  const directory = temporaryDirectory('storage')
  const backend = new Fickle()
  const port = await backend.up()
  const [receiver] = (await freePorts(1)) as [number]
  const file = join(temporaryDirectory('config'), 'config.yaml')
  writeFileSync(file, configOf({ directory, receiver, backend: port }))
  const start = () => new Program([process.execPath, MAIN, 'run', '--config', file])
  const sender = new Sender()
  t.after(() => {
    sender.stop()
    backend.down()
  })
  const sending = sender.run(receiver)
  for (let kill = 0; kill < KILLS; kill++) {
    const program = start()
    await program.line(/Everything is ready/)
    await sleep(Math.random() * 300)
    // About a third of the time nobody is there to send to.
    if (backend.isUp && kill % 3 === 1) backend.down()
    else if (!backend.isUp) await backend.up(port)
    await sleep(Math.random() * 100)
    process.kill(program.pid, 'SIGKILL')
    assert.equal((await program.exited).signal, 'SIGKILL')
    assert.doesNotMatch(program.output, /damaged|are lost/)
  }
  sender.stop()
  await sending
  if (!backend.isUp) await backend.up(port)
  const last = start()
  t.after(() => last.stop())
  const missing = () => [...sender.accepted].filter((name) => !backend.delivered.has(name))
  await waitFor('every accepted span', () => missing().length === 0, {
    timeoutMs: 60_000,
  }).catch(() => assert.deepEqual(missing().slice(0, 10), [], 'accepted and not delivered'))
  assert.equal((await last.stop()).code, 0)
  backend.down()
  let repeats = 0
  for (const times of backend.delivered.values()) repeats += times - 1
  const repeatsMax = (KILLS + backend.restarts) * 2 * CONSUMERS * SPANS
  assert.ok(repeats <= repeatsMax, `${repeats} spans came again`)
  assert.ok(sender.accepted.size > KILLS * SPANS, `${sender.accepted.size} spans accepted`)
})
