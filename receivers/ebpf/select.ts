/**
 * Finds the way to each signal that costs least and works on the running kernel, by trying.
 *
 *     the first way of each signal ── load, attach ──▶ done (most kernels)
 *          ▲                               │ refused
 *          └── the next way instead of ◀───┘ the program that the kernel named
 *
 * So a kernel that lacks two things verifies three times, and what runs is what was tried.
 */
import type { Capability } from '../../pipeline/capability.ts'
import { BpfError, type BpfObject } from './libbpf.ts'
import { KERNEL_SIGNALS, type KernelSignal, type Way } from './signals.ts'
import { whyNot } from './why.ts'

/** Loads and attaches these ways and nothing else; on failure, a BpfError, nothing stays. */
export type LoadWays = (ways: readonly Way[]) => BpfObject

/** How far the search for a signal's way is. */
interface Search {
  readonly signal: KernelSignal
  /** Index of the way that is tried now; behind the last where none works. */
  at: number
  /** Why those before it do not. */
  readonly failed: string[]
}

export interface Selected {
  /** With all that works; undefined where a required signal cannot be had. */
  readonly object?: BpfObject
  readonly ways: readonly Way[]
  readonly capabilities: readonly Capability[]
}

/** Signals that are not wanted are told as `off`. */
export function select(
  load: LoadWays,
  isWanted: (signal: KernelSignal) => boolean,
  signals: readonly KernelSignal[] = KERNEL_SIGNALS,
): Selected {
  const searches = signals.filter(isWanted).map((signal): Search => {
    return { signal, at: 0, failed: [] }
  })
  for (;;) {
    const ways = searches.flatMap((search) => wayOf(search) ?? [])
    const capabilities = () => signals.map((signal) => capabilityOf(signal, searches))
    try {
      const object = load(ways)
      return { object, ways, capabilities: capabilities() }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      const refused = refusals(searches, error, load)
      for (const [search, refusal] of refused) giveUp(search, refusal)
      leaveHalves(searches)
    }
    if (searches.some((search) => search.signal.required && wayOf(search) === undefined)) {
      return { ways: [], capabilities: capabilities() }
    }
  }
}

function wayOf({ signal, at }: Search): Way | undefined {
  return signal.ways[at]
}

/** Whose way was refused: of the program that libbpf named, else of what fails alone too. */
function refusals(searches: readonly Search[], error: BpfError, load: LoadWays) {
  const refused = new Map<Search, BpfError>()
  for (const search of searches) {
    const { programs = [], cgroup = [], iterators = [] } = wayOf(search) ?? {}
    const isOurs = [...programs, ...cgroup, ...iterators].includes(error.program ?? '')
    if (isOurs) refused.set(search, error)
  }
  if (refused.size > 0) return refused
  for (const search of searches) {
    const way = wayOf(search)
    const alone = way && refusalOf(way, load)
    if (alone !== undefined) refused.set(search, alone)
  }
  // Each works by itself, and all do not: nothing that is known here.
  if (refused.size === 0) throw error
  return refused
}

function refusalOf(way: Way, load: LoadWays): BpfError | undefined {
  try {
    load([way]).close()
    return undefined
  } catch (error) {
    if (error instanceof BpfError) return error
    throw error
  }
}

function giveUp(search: Search, error: BpfError): void {
  const way = wayOf(search) as Way
  const why = whyNot(error, way)
  search.failed.push(search.signal.ways.length > 1 ? `${way.hook}: ${why}` : why)
  search.at++
}

/** Half of the payload is of no use, requests without responses, and half of UDP as little. */
function leaveHalves(searches: readonly Search[]): void {
  for (const search of searches) {
    const { group } = search.signal
    if (group === 'connections' || wayOf(search) === undefined) continue
    const lacking = searches.find(
      (other) => other.signal.group === group && !other.signal.optional && !wayOf(other),
    )
    if (lacking === undefined) continue
    search.failed.push(`Of no use without ${lacking.signal.signal}`)
    search.at = search.signal.ways.length
  }
}

function capabilityOf(signal: KernelSignal, searches: readonly Search[]): Capability {
  const search = searches.find((one) => one.signal === signal)
  const first = signal.ways[0] as Way
  const name = signal.signal
  if (search === undefined) {
    const why = 'Turned off by the configuration'
    return { signal: name, state: 'off', hook: first.hook, why }
  }
  const why = search.failed.length > 0 ? { why: search.failed.join('. ') } : {}
  const way = wayOf(search)
  if (way === undefined) return { signal: name, state: 'unavailable', hook: first.hook, ...why }
  return { signal: name, state: 'active', hook: way.hook, ...why }
}
