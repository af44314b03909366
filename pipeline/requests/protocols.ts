/** The one table of protocols that are told by a connection's first bytes, in order of doubt. */
import { http2 } from './http2/index.ts'
import { memcached } from './memcached/index.ts'
import { mysql } from './mysql/index.ts'
import type { Protocol } from './parser.ts'
import { postgresql } from './postgresql/index.ts'
import { redis } from './redis/index.ts'

export const PROTOCOLS: readonly Protocol[] = [http2, mysql, postgresql, redis, memcached]
