/**
 * Finds the way to each signal that costs least and works on the running kernel, by trying.
 *
 *     all first ways at once ── load ──▶ done (most kernels)
 *             │ refused
 *             ▼
 *     each signal's ways alone, in order ──▶ the first that works of each ── load ──▶ done
 *
 * A try is real: verified by the kernel, attached, and taken away again.
 */
import type { Capability } from '../../pipeline/capability.ts'
import { BpfError, type BpfObject } from './libbpf.ts'
import { KERNEL_SIGNALS, type KernelSignal, type Way } from './signals.ts'
import { whyNot } from './why.ts'

/** Loads and attaches these ways and nothing else; on failure, a BpfError, nothing stays. */
export type LoadWays = (ways: readonly Way[]) => BpfObject

/** What is known of a signal: the way that works, and why those before it do not. */
interface Choice {
  readonly signal: KernelSignal
  readonly way?: Way
  readonly why?: string
}

export interface Selected {
  /** With all that works; undefined where a required signal cannot be had. */
  readonly object?: BpfObject
  readonly ways: readonly Way[]
  readonly capabilities: readonly Capability[]
}

/** `signals`, in which those of groups that are not wanted are left out, and told as `off`. */
export function select(
  load: LoadWays,
  isWanted: (signal: KernelSignal) => boolean,
  signals: readonly KernelSignal[] = KERNEL_SIGNALS,
): Selected {
  const wanted = signals.filter(isWanted)
  const first = wanted.map((signal): Choice => ({ signal, way: signal.ways[0] as Way }))
  try {
    return selected(signals, first, load(first.map(({ way }) => way as Way)))
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
  }
  const choices = together(wanted.map((signal) => choose(signal, load)))
  if (choices.some(({ signal, way }) => signal.required && way === undefined)) {
    return selected(signals, choices)
  }
  const ways = choices.flatMap(({ way }) => way ?? [])
  return selected(signals, choices, load(ways))
}

/** Tries one way after the other. */
function choose(signal: KernelSignal, load: LoadWays): Choice {
  const failed: string[] = []
  const because = () => (failed.length > 0 ? { why: failed.join('. ') } : {})
  for (const way of signal.ways) {
    try {
      load([way]).close()
      return { signal, way, ...because() }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      const reason = whyNot(error, way)
      failed.push(signal.ways.length > 1 ? `${way.hook}: ${reason}` : reason)
    }
  }
  return { signal, ...because() }
}

/** Half of the payload is of no use, requests without responses, and half of UDP as little. */
function together(choices: readonly Choice[]): Choice[] {
  return choices.map((choice) => {
    const { signal, way } = choice
    if (signal.group === 'connections' || way === undefined) return choice
    const lacking = choices.find(
      (other) => other.signal.group === signal.group && !other.signal.optional && !other.way,
    )
    if (lacking === undefined) return choice
    return { signal, why: `Of no use without ${lacking.signal.signal}` }
  })
}

function selected(
  signals: readonly KernelSignal[],
  choices: readonly Choice[],
  object?: BpfObject,
): Selected {
  const capabilities = signals.map((signal) => {
    const choice = choices.find((known) => known.signal === signal)
    return capabilityOf(signal, choice)
  })
  const ways = choices.flatMap(({ way }) => way ?? [])
  return { ways, capabilities, ...(object && { object }) }
}

function capabilityOf({ signal, ways }: KernelSignal, choice: Choice | undefined): Capability {
  const hook = (choice?.way ?? (ways[0] as Way)).hook
  if (choice === undefined) {
    return { signal, state: 'off', hook, why: 'Turned off by the configuration' }
  }
  const state = choice.way === undefined ? 'unavailable' : 'active'
  return { signal, state, hook, ...(choice.why !== undefined && { why: choice.why }) }
}
