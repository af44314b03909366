/** The one table of protocols that are told by a connection's first bytes, in order of doubt. */
import type { Protocol } from './parser.ts'

export const PROTOCOLS: readonly Protocol[] = []
