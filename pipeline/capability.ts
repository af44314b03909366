/**
 * What a component can see on the host it runs on. Found out before the pipelines start, and by
 * `flowspan probe` without any.
 */

/**
 * `active`: it is seen, by `hook`. `off`: the configuration does without. `unavailable`: this host
 * cannot, for the reason `why`.
 */
export const CAPABILITY_STATES = ['active', 'off', 'unavailable'] as const
export type CapabilityState = (typeof CAPABILITY_STATES)[number]

export interface Capability {
  /** What is seen, in `lower_snake_case`. */
  readonly signal: string
  readonly state: CapabilityState
  /** By which of the kernel's hooks; the first that was tried, where none works. */
  readonly hook: string
  /** Why not; where it is active, why not by a hook that costs less. */
  readonly why?: string
}
