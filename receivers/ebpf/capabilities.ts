/** What the privileged half found it can see, handed to the unprivileged half as `info`. */
import type { Capability } from '../../pipeline/capability.ts'

/** What a child reads and writes, in the order of its descriptors. */
export const MAPS = ['connections', 'payload', 'counters', 'wants', 'booked', 'spoken'] as const

type NumberOfEach<T extends readonly unknown[]> = { readonly [I in keyof T]: number }
export type Descriptors = NumberOfEach<typeof MAPS>

/** `Privileged.info` of the ebpf receiver; `fds` are those of MAPS. */
export interface KernelInfo {
  readonly connRingBytes: number
  readonly payloadRingBytes: number
  readonly capabilities: readonly Capability[]
  /** Names of enum skb_drop_reason, by value. */
  readonly dropReasons: readonly string[]
}
