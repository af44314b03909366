/**
 * What the privileged half found it can see, and by which hooks; handed to the unprivileged half
 * as `info`, printed at start and by `flowspan probe`.
 */

export interface Capability {
  /** What is seen: `connections`, `connect_errors`, `payload_received`, `payload_sent`. */
  readonly signal: string
  /** The kernel's hook it is seen by, as libbpf spells it. */
  readonly hook: string
  readonly ok: boolean
  /** Why not, when not. */
  readonly why?: string
}

/** `Privileged.info` of the ebpf receiver; `fds` are two rings, counters, wants. */
export interface KernelInfo {
  readonly connRingBytes: number
  readonly payloadRingBytes: number
  readonly capabilities: readonly Capability[]
}
