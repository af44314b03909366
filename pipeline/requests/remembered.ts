/**
 * What of a conversation outlives the process that follows it, so that a successor can go on in the
 * midst of the connection: most protocols are told by a connection's first bytes alone, and what
 * both ends have agreed on is said there.
 *
 * A parser makes a new one whenever something has changed, so that it is compared by identity.
 */
export interface Remembered {
  /** The name of a Protocol that can resume. */
  readonly protocol: string
  /** Requests were sent before the answers to those before had come: see Order. */
  readonly pipelines: boolean
  /** Of the protocol's own: flags, numbers of 32 bits. */
  readonly words: readonly [number, number]
  /** A database, a client; the empty string: none, or longer than can be kept. */
  readonly name: string
}

/** What connections speak, kept where it outlives this process; `id` as receivers number them. */
export interface Memory {
  recall(id: number): Remembered | undefined
  remember(id: number, spoken: Remembered): void
}

/** @param more what is not as it mostly is */
export function remembered(protocol: string, more: Partial<Remembered> = {}): Remembered {
  return { protocol, pipelines: false, words: [0, 0], name: '', ...more }
}
