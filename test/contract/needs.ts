/**
 * What components need beyond their defaults to run here, each with the reason. A component that is
 * not named is tested with its default configuration.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Extension, Signal } from '../../pipeline/component.ts'
import { Backend } from '../exporters/otlp/backend.ts'
import { HttpBackend } from '../exporters/otlp_http/backend.ts'
import { Conversation, get, answer as response } from '../receivers/pcap/conversation.ts'
import { pcap } from '../receivers/pcap/packets.ts'
import { liveABit, Recording } from '../receivers/replay/recorded.ts'
import { otlpRequests, requestOnLoopback } from './offers.ts'

export interface Prepared {
  readonly config: unknown
  /** With it `start` fails. */
  readonly broken?: unknown
  /** With it what is taken cannot leave. */
  readonly stuck?: unknown
  readonly extensions?: Readonly<Record<string, Extension>>
  /**
   * For receivers: has something outside give it data, and resolves when that is done. `addresses`
   * are those that it listens on. Gives the items, or undefined where nobody can say.
   */
  readonly offer?: (addresses: readonly string[]) => Promise<number | undefined>
  /** Undoes what was prepared. */
  readonly close?: () => unknown
}

export interface Need {
  readonly why: string
  /** `folder` is empty, and the component's alone. */
  readonly prepare: (of: { folder: string; signal: Signal }) => Prepared | Promise<Prepared>
}

/** By kind and type. */
export const NEEDS: Readonly<Record<string, Need>> = {
  'receiver/ebpf': {
    why: 'the kernel sees what two other processes say to each other',
    prepare: () => ({ config: null, offer: requestOnLoopback }),
  },
  'receiver/otlp': {
    why: 'a protocol must be named, and ports of their own let tests stand side by side',
    prepare: ({ signal }) => {
      const endpoint = '127.0.0.1:0'
      const config = { protocols: { grpc: { endpoint }, http: { endpoint } } }
      return { config, broken: config, offer: otlpRequests(signal) }
    },
  },
  'processor/probabilistic_sampler': {
    why: 'by default it keeps nothing, and never what has no trace id',
    prepare: () => ({ config: { sampling_percentage: 100, fail_closed: false } }),
  },
  'receiver/pcap': {
    why: 'a capture must be named: here of one request',
    prepare: ({ folder }) => {
      const path = join(folder, 'capture')
      const conversation = new Conversation().open()
      conversation.say('client', get('/items/1')).say('server', response('{}')).ack('client')
      writeFileSync(path, pcap(conversation.packets))
      // It is read from the start on.
      const offer = async () => undefined
      return { config: { path }, broken: { path: join(folder, 'gone') }, offer }
    },
  },
  'receiver/replay': {
    why: 'a recording must be named: here of some requests',
    prepare: async ({ folder }) => {
      const path = join(folder, 'recording')
      const recording = new Recording(path)
      liveABit(recording, { exchanges: 20 })
      await recording.stop()
      // It is played from the start on.
      const offer = async () => undefined
      // Not at once: first the test has to say what it answers.
      return { config: { path, speed: 10 }, broken: { path: join(folder, 'gone') }, offer }
    },
  },
  'processor/batch': {
    why: 'what it waits for is not to be waited for here',
    prepare: () => ({ config: { timeout: '10ms' } }),
  },
  'processor/k8s_attributes': {
    why: 'which cluster this machine has is not to matter; with a real one it is tested beside it',
    prepare: () => ({ config: { auth_type: 'none' } }),
  },
  'processor/memory_limiter': {
    why: 'a limit must be set; this one is never reached',
    prepare: () => ({ config: { check_interval: '100ms', limit_mib: 1_000_000 } }),
  },
  'exporter/debug': {
    why: 'it prints, and standard output is where the results of the tests go',
    prepare: () => {
      const stdout = Object.getOwnPropertyDescriptor(process, 'stdout') as PropertyDescriptor
      const sink = new Writable({ write: (_chunk, _encoding, done) => done() })
      Object.defineProperty(process, 'stdout', { value: sink, configurable: true })
      return {
        config: { verbosity: 'detailed' },
        close: () => Object.defineProperty(process, 'stdout', stdout),
      }
    },
  },
  'exporter/file': {
    why: 'a path must be set',
    prepare: ({ folder }) => ({
      config: { path: join(folder, 'out.jsonl'), flush_interval: '50ms' },
      broken: { path: join(folder, 'no/such/folder/out.jsonl') },
    }),
  },
  'exporter/load_balancing': {
    why: 'backends must be named: here two gRPC servers that take everything',
    prepare: async () => {
      const backends = await Promise.all([new Backend().listen(), new Backend().listen()])
      const protocol = { otlp: { tls: { insecure: true } } }
      const at = (ports: number[]) => ({
        static: { hostnames: ports.map((port) => `127.0.0.1:${port}`) },
      })
      return {
        config: { protocol, resolver: at(backends.map(({ port }) => port)) },
        stuck: { protocol, resolver: at([9, 10]) },
        close: () => {
          for (const backend of backends) backend.close()
        },
      }
    },
  },
  'exporter/otlp': {
    why: 'a backend must be named: here a gRPC server that takes everything',
    prepare: async () => {
      const backend = await new Backend().listen()
      const tls = { insecure: true }
      return {
        config: { endpoint: `127.0.0.1:${backend.port}`, tls },
        // The discard port of a host that discards nothing.
        stuck: { endpoint: '127.0.0.1:9', tls },
        close: () => backend.close(),
      }
    },
  },
  'exporter/otlp_http': {
    why: 'a backend must be named: here an HTTP server that takes everything',
    prepare: async () => {
      const backend = await new HttpBackend().listen()
      return {
        config: { endpoint: `http://127.0.0.1:${backend.port}` },
        stuck: { endpoint: 'http://127.0.0.1:9' },
        close: () => backend.close(),
      }
    },
  },
  'extension/basicauth': {
    why: 'credentials must be set',
    prepare: ({ folder }) => ({
      config: { client_auth: { username: 'u', password: 'p' } },
      broken: { htpasswd: { file: join(folder, 'gone') } },
    }),
  },
  'extension/bearertokenauth': {
    why: 'a token must be set',
    prepare: ({ folder }) => ({
      config: { token: 'a-token' },
      broken: { filename: join(folder, 'gone') },
    }),
  },
  'extension/health_check': {
    why: 'a port of its own lets tests stand side by side',
    prepare: () => ({ config: { endpoint: '127.0.0.1:0' }, broken: { endpoint: '127.0.0.1:0' } }),
  },
  'extension/zpages': {
    why: 'a port of its own lets tests stand side by side',
    prepare: () => ({ config: { endpoint: '127.0.0.1:0' }, broken: { endpoint: '127.0.0.1:0' } }),
  },
  'extension/file_storage': {
    why: "its folder must be there, and the default is the system's",
    prepare: ({ folder }) => ({
      config: { directory: folder },
      broken: { directory: join(folder, 'gone') },
    }),
  },
}
