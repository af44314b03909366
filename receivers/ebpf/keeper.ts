/**
 * The privileged half: loads and attaches the kernel programs, keeps them while children come and
 * go, and tells them which processes are flowspan's own.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Privileged, PrivilegedSettings } from '../../pipeline/component.ts'
import type { Capability, KernelInfo } from './capabilities.ts'
import { COUNTER, Knobs } from './events.gen.ts'
import { BpfError, BpfObject } from './libbpf.ts'

const OBJECT = join(import.meta.dirname, '../../bpf/build/flowspan.bpf.o')
const KERNEL_BTF = '/sys/kernel/btf/vmlinux'
/** linux/capability.h */
const CAP = { SYS_ADMIN: 21n, PERFMON: 38n, BPF: 39n } as const
const MISSES_INTERVAL_MS = 1000

const CONNECTIONS: readonly Hook[] = [
  { program: 'set_state', signal: 'connections', hook: 'tp_btf/inet_sock_set_state' },
  { program: 'error_report', signal: 'connect_errors', hook: 'tp_btf/inet_sk_error_report' },
]
const PAYLOAD: readonly Hook[] = [
  { program: 'received', signal: 'payload_received', hook: 'tp_btf/skb_copy_datagram_iovec' },
  { program: 'sent', signal: 'payload_sent', hook: 'tp_btf/tcp_sendmsg_locked' },
]

interface Hook {
  readonly program: string
  readonly signal: string
  readonly hook: string
}

export interface KernelConfig {
  /** Whether payload is captured. */
  readonly requests: boolean
  /** Sizes of the rings: powers of two, at least a page. */
  readonly connRingBytes: number
  readonly payloadRingBytes: number
  /** A piece of payload up to this comes whole; at most CAPTURE_LIMIT.CAPTURE_MAX. */
  readonly captureSmallBytes: number
  /** So much comes from the beginning of an HTTP/1 message; the same limit. */
  readonly captureMaxBytes: number
}

/**
 * Opens the kernel's side. `fds` are connection ring, payload ring, counters and wants; `info` is a
 * KernelInfo. Throws with what is missing and what to do; a kernel that can do connections but no
 * payload is no error, its capabilities say so.
 */
export async function openKernel(
  config: KernelConfig,
  settings: PrivilegedSettings,
): Promise<Privileged> {
  checkHost()
  const loaded = loadKernel(config)
  settings.logger.debug({ capabilities: loaded.capabilities }, 'Kernel programs attached')
  return keepKernel(loaded, config)
}

/** Says what is missing before libbpf fails in a less helpful way. */
function checkHost(): void {
  if (!existsSync(OBJECT)) {
    throw new Error(`Cannot find the compiled kernel programs ${OBJECT}: run npm run setup`)
  }
  if (!existsSync(KERNEL_BTF)) {
    throw new Error(
      `Cannot find ${KERNEL_BTF}: the kernel must be built with CONFIG_DEBUG_INFO_BTF=y`,
    )
  }
  const line = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
  const effective = BigInt(`0x${line?.[1] ?? '0'}`)
  const has = (capability: bigint) => ((effective >> capability) & 1n) === 1n
  if (has(CAP.SYS_ADMIN) || (has(CAP.BPF) && has(CAP.PERFMON))) return
  throw new Error('Cannot load kernel programs: run as root, or with CAP_BPF and CAP_PERFMON')
}

export interface Loaded {
  readonly object: BpfObject
  readonly capabilities: readonly Capability[]
}

/** With payload where wanted and possible, else with connections alone. */
export function loadKernel(config: KernelConfig): Loaded {
  if (!config.requests) return loadConnections(config, 'turned off by the configuration')
  try {
    const object = load(config, [])
    return { object, capabilities: [...CONNECTIONS, ...PAYLOAD].map((hook) => capability(hook)) }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return loadConnections(config, reason(error))
  }
}

function loadConnections(config: KernelConfig, why: string): Loaded {
  try {
    const object = load(config, PAYLOAD)
    const following = CONNECTIONS.map((hook) => capability(hook))
    const without = PAYLOAD.map((hook) => capability(hook, why))
    return { object, capabilities: [...following, ...without] }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    throw new Error(`Cannot follow connections on this kernel: ${reason(error)}`, { cause: error })
  }
}

/** Loads and attaches all programs but `skipped`; on failure nothing stays. */
function load(config: KernelConfig, skipped: readonly Hook[]): BpfObject {
  const object = new BpfObject(OBJECT)
  try {
    object.setMaxEntries('connections', config.connRingBytes)
    object.setMaxEntries('payload', config.payloadRingBytes)
    object.setInitialValue('.rodata', knobs(config))
    for (const hook of skipped) object.skip(hook.program)
    object.load()
    markOwn(object, process.pid)
    for (const hook of [...CONNECTIONS, ...PAYLOAD]) {
      if (!skipped.includes(hook)) object.attach(hook.program)
    }
    return object
  } catch (error) {
    object.close()
    throw error
  }
}

function knobs(config: KernelConfig): Uint8Array {
  const bytes = new Uint8Array(Knobs.size)
  const view = new DataView(bytes.buffer)
  view.setUint32(Knobs.capture_small, config.captureSmallBytes, true)
  view.setUint32(Knobs.capture_max, config.captureMaxBytes, true)
  return bytes
}

/** Takes over what was loaded, as long as children come and go. */
export function keepKernel({ object, capabilities }: Loaded, config: KernelConfig): Privileged {
  const info: KernelInfo = {
    connRingBytes: config.connRingBytes,
    payloadRingBytes: config.payloadRingBytes,
    capabilities,
  }
  const timer = setInterval(() => publishMisses(object, capabilities), MISSES_INTERVAL_MS)
  timer.unref()
  let child: number | undefined
  let open = true
  return {
    fds: ['connections', 'payload', 'counters', 'wants'].map((map) => object.mapFd(map)),
    info,
    childStarted(pid) {
      if (child !== undefined) {
        object.deleteElem('own', u32(child))
        // The one before knew of connections that its successor has to be told of.
        object.iterate('tell_open', 'conns')
      }
      child = pid
      markOwn(object, pid)
    },
    close() {
      if (!open) return
      open = false
      clearInterval(timer)
      object.close()
    },
  }
}

/**
 * Two runs of one program do not nest: the kernel skips the inner one and counts it where only a
 * program's holder can read. Copied to the counters, so that no loss goes unseen.
 */
function publishMisses(object: BpfObject, capabilities: readonly Capability[]): void {
  const running = (hook: Hook) => capabilities.some((row) => row.hook === hook.hook && row.ok)
  const misses = (hooks: readonly Hook[]) =>
    hooks.filter(running).reduce((sum, hook) => sum + object.stats(hook.program).recursionMisses, 0)
  setCounter(object, COUNTER.COUNTER_CONN_MISSED, misses(CONNECTIONS))
  setCounter(object, COUNTER.COUNTER_PAYLOAD_MISSED, misses(PAYLOAD))
}

function setCounter(object: BpfObject, counter: number, value: number): void {
  object.updateElem(
    'counters',
    u32(counter),
    new Uint8Array(new BigUint64Array([BigInt(value)]).buffer),
  )
}

function markOwn(object: BpfObject, pid: number): void {
  object.updateElem('own', u32(pid), Uint8Array.of(1))
}

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer)
}

function capability(hook: Hook, why?: string): Capability {
  const { signal, hook: name } = hook
  return why === undefined
    ? { signal, hook: name, ok: true }
    : { signal, hook: name, ok: false, why }
}

/** The error with the last lines libbpf printed: the first are about the file, the last say why. */
function reason(error: BpfError): string {
  const lines = error.printed.split('\n').filter((line) => line.startsWith('libbpf:'))
  const last = lines.slice(-3).map((line) => line.replace('libbpf: ', ''))
  return [error.message, ...last].join('; ')
}
