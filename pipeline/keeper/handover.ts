/**
 * What the keeper tells its child, in one environment variable: which inherited file descriptor
 * belongs to which component, and whom to become.
 */
import type { Inherited, Kind } from '../component.ts'

const VARIABLE = 'FLOWSPAN_HANDOVER'

export interface InheritedBy extends Inherited {
  readonly kind: Kind
  readonly id: string
}

/** Whom the child becomes before it starts. */
export interface User {
  readonly uid: number
  readonly gid: number
}

export interface Handover {
  readonly components: readonly InheritedBy[]
  /** A socket whose other end only the keeper holds: see channel.ts. */
  readonly channelFd: number
  readonly user: User
}

export function handoverEnv(handover: Handover): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(handover) }
}

/** The handover when this process is a keeper's child; taken out of the environment. */
export function takeHandover(env: NodeJS.ProcessEnv): Handover | undefined {
  const text = env[VARIABLE]
  delete env[VARIABLE]
  return text === undefined ? undefined : (JSON.parse(text) as Handover)
}
