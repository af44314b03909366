/** Which requests may be merged: those whose clients sent the same values of some headers. */
import type { Client } from '../otlp/batch.ts'

/** A header that is empty and one that was not sent are not the same. */
export function partitionKey(client: Client | undefined, keys: readonly string[]): string {
  if (keys.length === 0) return ''
  return JSON.stringify(keys.map((key) => client?.metadata?.[key.toLowerCase()] ?? null))
}

/** What a merged batch still knows of its clients: what they have in common for certain. */
export function partitionMetadata(
  client: Client | undefined,
  keys: readonly string[],
): Client | undefined {
  const metadata: Record<string, readonly string[]> = {}
  for (const key of keys) {
    const values = client?.metadata?.[key.toLowerCase()]
    if (values !== undefined) metadata[key.toLowerCase()] = values
  }
  return Object.keys(metadata).length === 0 ? undefined : { metadata }
}
