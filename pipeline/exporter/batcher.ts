/**
 * Merges the requests of one partition until there are `min_size` items or bytes of them, or
 * `flush_timeout` has passed, and cuts what exceeds `max_size` (Collector exporterhelper, `batch`).
 *
 * Requests are kept as they came and concatenated once, when the batch is cut. What is left of a
 * cut and is smaller than `min_size` waits for more. A partition is the requests whose clients sent
 * the same values of `metadata_keys`; it exists only while there is something in it.
 */
import type { Logger } from 'pino'
import type { Client, OtlpBatch } from '../otlp/batch.ts'
import { mergeRequests, type Piece, splitRequest } from '../otlp/split.ts'
import type { BatchConfig } from './options.ts'
import { partitionKey, partitionMetadata } from './partition.ts'
import type { Request, Share, Work } from './request.ts'

interface Partition {
  readonly key: string
  readonly client: Client | undefined
  parts: Uint8Array[]
  shares: Share[]
  size: number
  timer: NodeJS.Timeout | undefined
}

export class Batcher {
  readonly #config: BatchConfig
  readonly #signal: OtlpBatch['signal']
  readonly #logger: Logger
  readonly #onDue: () => void
  readonly #partitions = new Map<string, Partition>()
  /** Those whose time is up, in that order; they still grow until somebody sends them. */
  readonly #due = new Set<Partition>()

  constructor(
    config: BatchConfig,
    of: { signal: OtlpBatch['signal']; logger: Logger; onDue: () => void },
  ) {
    this.#config = config
    this.#signal = of.signal
    this.#logger = of.logger
    this.#onDue = of.onDue
  }

  /** The batches that are ready to be sent with this request. */
  add(request: Request): readonly Work[] {
    const { min_size, max_size } = this.#config
    const { batch } = request
    const partition = this.#partition(batch)
    partition.parts.push(batch.bytes)
    partition.shares.push({ request, items: batch.items })
    partition.size += this.#sizeOf(batch)
    if (partition.size < min_size && (max_size === 0 || partition.size <= max_size)) return []
    return this.#cut(partition)
  }

  /** A batch that is smaller than it should be but has waited for long enough; `all`: for now. */
  takeDue({ all }: { all: boolean }): Work | undefined {
    const [partition] = all ? this.#partitions.values() : this.#due
    return partition && this.#whole(partition)
  }

  /** Everything that waits, whether its time is up or not. */
  flush(): Work[] {
    return [...this.#partitions.values()].map((partition) => this.#whole(partition))
  }

  #partition({ client }: OtlpBatch): Partition {
    const keys = this.#config.partition.metadata_keys
    const key = partitionKey(client, keys)
    const known = this.#partitions.get(key)
    if (known !== undefined) return known
    const partition: Partition = {
      key,
      client: partitionMetadata(client, keys),
      parts: [],
      shares: [],
      size: 0,
      timer: undefined,
    }
    this.#partitions.set(key, partition)
    this.#restart(partition)
    return partition
  }

  #restart(partition: Partition): void {
    clearTimeout(partition.timer)
    partition.timer = setTimeout(() => {
      this.#due.add(partition)
      this.#onDue()
    }, this.#config.flush_timeout)
  }

  #cut(partition: Partition): Work[] {
    const { min_size, max_size, sizer } = this.#config
    if (max_size === 0 || partition.size <= max_size) return [this.#whole(partition)]
    const bytes = mergeRequests(partition.parts)
    const limit = { sizer: sizer === 'bytes' ? sizer : 'items', max: max_size } as const
    const pieces = splitRequest({ signal: this.#signal, bytes }, limit)
    if ('kind' in pieces) {
      // Let the backend judge it: it may know more than we do.
      this.#logger.warn({ error: pieces.reason }, 'Failed to split request.')
      return [this.#whole(partition)]
    }
    const works = this.#distribute(partition, pieces)
    const last = works.at(-1) as Work
    if (this.#sizeOf(last.batch) >= min_size) this.#remove(partition)
    else this.#keep(partition, works.pop() as Work)
    return works
  }

  /** The partition goes on with what is left of a cut. */
  #keep(partition: Partition, { batch, shares }: Work): void {
    partition.parts = [batch.bytes]
    partition.shares = [...shares]
    partition.size = this.#sizeOf(batch)
    this.#due.delete(partition)
    this.#restart(partition)
  }

  #whole(partition: Partition): Work {
    this.#remove(partition)
    const { parts, shares, client } = partition
    const [only] = shares
    if (shares.length === 1 && only !== undefined && only.items === only.request.batch.items) {
      return only.request.whole
    }
    return this.#work({ bytes: mergeRequests(parts), shares, client })
  }

  #remove(partition: Partition): void {
    clearTimeout(partition.timer)
    this.#due.delete(partition)
    this.#partitions.delete(partition.key)
  }

  /** Whose items each piece has: items keep their order when requests are merged and cut. */
  #distribute({ shares, client }: Partition, pieces: readonly Piece[]): Work[] {
    const works: Work[] = []
    let next = 0
    let left = shares[0]?.items ?? 0
    const parts = new Map<Request, number>()
    for (const [i, piece] of pieces.entries()) {
      // What requests say of their items is believed but for the last piece, which ends them all.
      let room = i === pieces.length - 1 ? Number.POSITIVE_INFINITY : piece.items
      const mine: Share[] = []
      for (let share = shares[next]; share !== undefined; share = shares[next]) {
        const items = Math.min(left, room)
        if (items === 0 && left > 0) break
        mine.push({ request: share.request, items })
        parts.set(share.request, (parts.get(share.request) ?? 0) + 1)
        room -= items
        left -= items
        if (left > 0) break
        left = shares[++next]?.items ?? 0
      }
      works.push(this.#work({ bytes: piece.bytes, shares: mine, client }))
    }
    for (const { request } of shares) request.divide(parts.get(request) ?? 1)
    return works
  }

  #work(of: { bytes: Uint8Array; shares: readonly Share[]; client: Client | undefined }): Work {
    const items = of.shares.reduce((sum, share) => sum + share.items, 0)
    const { bytes, shares, client } = of
    const batch = { signal: this.#signal, bytes, items, ...(client !== undefined && { client }) }
    return { batch, shares }
  }

  #sizeOf({ bytes, items }: OtlpBatch): number {
    return this.#config.sizer === 'bytes' ? bytes.length : items
  }
}
