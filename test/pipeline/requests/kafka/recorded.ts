/**
 * What Kafka's own clients of several releases said to a broker, and it to them: `Talk.java` of
 * test/backends/kafka, once with each, captured by tcpdump. A line is a connection.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Said } from '../talk.ts'

const FILE = join(import.meta.dirname, 'testdata/clients.jsonl.gz')

export interface Recorded {
  /** The release of the client's library. */
  readonly client: string
  readonly said: readonly Said[]
}

export const RECORDED: readonly Recorded[] = gunzipSync(readFileSync(FILE))
  .toString()
  .trim()
  .split('\n')
  .map((line) => {
    const { client, said } = JSON.parse(line) as { client: string; said: [Said['by'], string][] }
    return { client, said: said.map(([by, hex]) => ({ by, bytes: Buffer.from(hex, 'hex') })) }
  })
