/**
 * The privileged half: loads and attaches the kernel programs, keeps them while children come and
 * go, and tells them which processes are flowspan's own.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Capability } from '../../pipeline/capability.ts'
import type { Privileged, PrivilegedSettings } from '../../pipeline/component.ts'
import { COUNTER, Knobs } from '../../pipeline/kernel_events/events.gen.ts'
import { type KernelInfo, MAPS } from './capabilities.ts'
import { cgroupRoot } from './cgroup.ts'
import { dropReasons } from './drop_reasons.ts'
import { type EyesConfig, setEyeKnobs } from './eye_knobs.ts'
import { BpfError, BpfObject } from './libbpf.ts'
import { Passes } from './passes.ts'
import { select } from './select.ts'
import { Selection, select as selectConnections } from './selection.ts'
import type { SelectionConfig } from './selectors.ts'
import { KERNEL_SIGNALS, type KernelSignal, type SignalGroup, type Way } from './signals.ts'
import { jiffyUs } from './tick.ts'
import { setUdpKnobs, type UdpConfig, UdpSweeps } from './udp_sweeps.ts'

const OBJECT = join(import.meta.dirname, '../../bpf/build/flowspan.bpf.o')
const KERNEL_BTF = '/sys/kernel/btf/vmlinux'
/** linux/capability.h */
const CAP = { SYS_ADMIN: 21n, PERFMON: 38n, BPF: 39n } as const
/** Each program is asked, a system call that takes some 20 µs; misses are rare. */
const MISSES_INTERVAL_MS = 5000
/** Of the interval, what must have gone by since a connection's last record. */
const INTERIM_SHARE = 3 / 4
/** Find sockets older than the programs: listeners first, by which others are told. */
const OLDER = ['find_listeners', 'find_older'] as const

export interface KernelConfig {
  /** Whether payload is captured. */
  readonly requests: boolean
  /** Whether packets that the kernel drops are counted. */
  readonly drops: boolean
  /** What delay, jitter and loss are watched by; undefined: they are not. */
  readonly eyes?: EyesConfig | undefined
  /** An open connection has a record so often, and a listener; 0: none. */
  readonly interimMs: number
  /** Sizes of the rings: powers of two, at least a page. */
  readonly connRingBytes: number
  readonly payloadRingBytes: number
  /** A piece of payload up to this comes whole; at most CAPTURE_LIMIT.CAPTURE_MAX. */
  readonly captureSmallBytes: number
  /** So much comes from the beginning of an HTTP/1 message; the same limit. */
  readonly captureMaxBytes: number
  readonly udp: UdpConfig
  /** Connections that are wanted; undefined: all. */
  readonly selection?: SelectionConfig
}

/**
 * Opens the kernel's side. `fds` are those of MAPS; `info` is a KernelInfo. Throws with what is
 * missing and what to do; a kernel that can do connections but no payload is no error, its
 * capabilities say so.
 */
export async function openKernel(
  config: KernelConfig,
  settings: PrivilegedSettings,
): Promise<KeptKernel> {
  checkHost()
  const loaded = loadKernel(config)
  settings.logger.debug({ capabilities: loaded.capabilities }, 'Kernel programs attached')
  return keepKernel(loaded, config, settings)
}

/** Says what is missing before libbpf fails in a less helpful way. */
function checkHost(): void {
  const missing = missingOf()
  if (missing !== undefined) throw new Error(missing)
}

function missingOf(): string | undefined {
  if (!existsSync(OBJECT)) {
    return `Cannot find the compiled kernel programs ${OBJECT}: run npm run setup`
  }
  if (!existsSync(KERNEL_BTF)) {
    return `Cannot find ${KERNEL_BTF}: the kernel must be built with CONFIG_DEBUG_INFO_BTF=y`
  }
  const line = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
  const effective = BigInt(`0x${line?.[1] ?? '0'}`)
  const has = (capability: bigint) => ((effective >> capability) & 1n) === 1n
  if (has(CAP.SYS_ADMIN)) return undefined
  const missing = (['BPF', 'PERFMON'] as const).filter((name) => !has(CAP[name]))
  if (missing.length === 0) return undefined
  const names = missing.map((name) => `CAP_${name}`).join(' and ')
  const verb = missing.length === 1 ? 'is' : 'are'
  const remedy = 'run as root, or with CAP_BPF and CAP_PERFMON'
  return `Cannot load kernel programs as ${names} ${verb} missing: ${remedy}`
}

export interface Loaded {
  readonly object: BpfObject
  readonly ways: readonly Way[]
  readonly capabilities: readonly Capability[]
}

/** With payload where wanted and possible, else with connections alone. */
export function loadKernel(config: KernelConfig): Loaded {
  const { object, ways, capabilities } = selectKernel(config)
  if (object !== undefined) return { object, ways, capabilities }
  const lacking = capabilities.find(({ state }) => state === 'unavailable')
  throw new Error(`Cannot follow connections on this kernel: ${lacking?.why}`)
}

/** What can be seen here, each signal tried; a host where nothing can says why in every row. */
export function probeKernel(config: KernelConfig): readonly Capability[] {
  const missing = missingOf()
  if (missing !== undefined) {
    return KERNEL_SIGNALS.map(({ signal, ways: [first] }) => {
      return { signal, state: 'unavailable', hook: (first as Way).hook, why: missing }
    })
  }
  const { object, capabilities } = selectKernel(config)
  object?.close()
  return capabilities
}

function selectKernel(config: KernelConfig) {
  const { requests, drops, eyes, udp } = config
  const wanted: { readonly [G in SignalGroup]: boolean } = {
    connections: true,
    payload: requests,
    drops,
    episodes: eyes !== undefined,
    udp: udp.enabled,
    dns: udp.enabled && requests && udp.dnsPorts.length > 0,
  }
  const isWanted = ({ group }: KernelSignal) => wanted[group]
  return select((ways) => loadWays(config, ways), isWanted)
}

/** Loads and attaches the programs of these ways alone; on failure nothing stays. */
export function loadWays(config: KernelConfig, ways: readonly Way[]): BpfObject {
  const attached = new Set(ways.flatMap(({ programs }) => programs))
  const ofCgroup = new Set(ways.flatMap((way) => way.cgroup ?? []))
  const iterators = new Set(ways.flatMap((way) => way.iterators ?? []))
  const object = new BpfObject(OBJECT)
  try {
    object.setMaxEntries('connections', config.connRingBytes)
    object.setMaxEntries('payload', config.payloadRingBytes)
    object.setMaxEntries('udp_flows', config.udp.flowsMax)
    if (config.eyes === undefined) object.setMaxEntries('edges', 1)
    object.setInitialValue('.rodata', knobs(config))
    for (const program of object.programs()) {
      if (![attached, ofCgroup, iterators].some((set) => set.has(program))) object.skip(program)
    }
    object.load()
    markOwn(object, process.pid)
    if (config.selection) selectConnections(object, config.selection)
    for (const program of attached) object.attach(program)
    for (const program of ofCgroup) object.attachCgroup(program, rootOfCgroups())
    return object
  } catch (error) {
    object.close()
    throw error
  }
}

function rootOfCgroups(): string {
  const root = cgroupRoot()
  if (root !== undefined) return root
  throw new BpfError('No cgroup v2 tree is mounted here (mount -t cgroup2 none /sys/fs/cgroup)', '')
}

function knobs(config: KernelConfig): Uint8Array {
  const bytes = new Uint8Array(Knobs.size)
  const view = new DataView(bytes.buffer)
  view.setUint32(Knobs.capture_small, config.captureSmallBytes, true)
  view.setUint32(Knobs.capture_max, config.captureMaxBytes, true)
  view.setUint32(Knobs.jiffy_us, jiffyUs(), true)
  view.setUint32(Knobs.payload_bytes, config.payloadRingBytes, true)
  // A pass comes to each connection a little earlier or later than the one before.
  const leastMs = Math.round(config.interimMs * INTERIM_SHARE)
  view.setBigUint64(Knobs.interim_ns, BigInt(leastMs) * 1_000_000n, true)
  if (config.eyes !== undefined) setEyeKnobs(view, config.eyes)
  setUdpKnobs(view, config.requests ? config.udp : { ...config.udp, dnsPorts: [] })
  return bytes
}

export interface KeptKernel extends Privileged {
  /**
   * Other connections are wanted: from now on, and of those that are open. One that is not any more
   * ends, for its reader, with a closed record that has no reason.
   */
  select(selection: SelectionConfig): void
}

const EVERYTHING = { netns: [], cgroup: [], ports: [], cidrs: [] }

/** Takes over what was loaded, as long as children come and go. */
export function keepKernel(
  { object, ways, capabilities }: Loaded,
  config: KernelConfig,
  { logger }: Pick<PrivilegedSettings, 'logger'>,
): KeptKernel {
  const info: KernelInfo = {
    connRingBytes: config.connRingBytes,
    payloadRingBytes: config.payloadRingBytes,
    capabilities,
    dropReasons: dropReasons(),
  }
  const iterators = new Set(ways.flatMap((way) => way.iterators ?? []))
  const everything = { include: EVERYTHING, exclude: EVERYTHING }
  const selection = new Selection(object, config.selection ?? everything, {
    logger,
    changed() {
      passes.letGo()
      findOlder()
      passes.interim()
    },
  })
  const findOlder = () => {
    for (const program of OLDER) if (iterators.has(program)) object.iterate(program)
  }
  // The probes are attached by now: no connection opens unseen in between.
  findOlder()
  const passes = new Passes(object, {
    iterators,
    intervalMs: config.interimMs,
    ringBytes: config.connRingBytes,
    failed: ({ message }) => logger.warn({ error: message }, 'Cannot pass over connections'),
  })
  const sweeps = new UdpSweeps(object, iterators)
  const timer = setInterval(() => publishMisses(object, ways), MISSES_INTERVAL_MS)
  timer.unref()
  let child: number | undefined
  let readers = 0
  let open = true
  return {
    fds: MAPS.map((map) => object.mapFd(map)),
    info,
    childStarted(pid) {
      if (child !== undefined) {
        object.deleteElem('own', u32(child))
        // The one before knew of connections that its successor has to be told of, and whose.
        object.updateElem('readers', u32(0), u32(++readers))
        if (iterators.has('tell_processes')) object.iterate('tell_processes')
        passes.all()
        sweeps.all()
      }
      child = pid
      markOwn(object, pid)
    },
    select: (wanted) => selection.reconfigure(wanted),
    close() {
      if (!open) return
      open = false
      clearInterval(timer)
      selection.close()
      passes.close()
      sweeps.close()
      object.close()
    },
  }
}

/**
 * Two runs of one program do not nest: the kernel skips the inner one and counts it where only a
 * program's holder can read. Copied to the counters, so that no loss goes unseen.
 */
function publishMisses(object: BpfObject, ways: readonly Way[]): void {
  const misses = (group: SignalGroup) => {
    const signals = KERNEL_SIGNALS.filter((signal) => signal.group === group)
    const ours = ways.filter((way) => signals.some((signal) => signal.ways.includes(way)))
    const programs = new Set(ours.flatMap((way) => way.programs))
    return [...programs].reduce((sum, name) => sum + object.stats(name).recursionMisses, 0)
  }
  setCounter(object, COUNTER.COUNTER_CONN_MISSED, misses('connections'))
  setCounter(object, COUNTER.COUNTER_PAYLOAD_MISSED, misses('payload'))
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
