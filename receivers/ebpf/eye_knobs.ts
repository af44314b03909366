/** What the kernel's programs have to know to see delay and jitter. */
import { EyeKnobs, Knobs } from '../../pipeline/kernel_events/events.gen.ts'

const US_PER_MS = 1000

export interface EyesConfig {
  /** Segments that take so much longer than before are delayed. */
  readonly delayMs: number
  /** One that takes so much more or less than the one before it is out of step. */
  readonly jitterMs: number
}

export function setEyeKnobs(knobs: DataView, { delayMs, jitterMs }: EyesConfig): void {
  knobs.setUint32(Knobs.eye + EyeKnobs.delay_us, Math.round(delayMs * US_PER_MS), true)
  knobs.setUint32(Knobs.eye + EyeKnobs.jitter_us, Math.round(jitterMs * US_PER_MS), true)
}
