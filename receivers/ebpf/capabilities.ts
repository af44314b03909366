/** What the privileged half found it can see, handed to the unprivileged half as `info`. */
import type { Capability } from '../../pipeline/capability.ts'

/** `Privileged.info` of the ebpf receiver; `fds` are two rings, counters, wants. */
export interface KernelInfo {
  readonly connRingBytes: number
  readonly payloadRingBytes: number
  readonly capabilities: readonly Capability[]
  /** Names of enum skb_drop_reason, by value. */
  readonly dropReasons: readonly string[]
}
