/**
 * Names of topics by their ids, which newer versions of Produce and Fetch name topics by (KIP-516).
 *
 * Learned from whatever tells both, on any connection: ids are random, so one means one topic
 * wherever it is met. A client asks for them once, often on a connection of its own.
 */

const TOPICS_MAX = 16_384

export class TopicNames {
  readonly #names = new Map<string, string>([
    // The log of the controllers has a fixed one.
    ['AAAAAAAAAAAAAAAAAAAAAQ', '__cluster_metadata'],
  ])

  get size(): number {
    return this.#names.size
  }

  learn(id: string, name: string): void {
    if (this.#names.get(id) === name) return
    if (this.#names.size >= TOPICS_MAX) {
      const [oldest = ''] = this.#names.keys()
      this.#names.delete(oldest)
    }
    this.#names.set(id, name)
  }

  /** The name, else the id as Kafka prints it. */
  of(id: string): string {
    return this.#names.get(id) ?? id
  }
}
