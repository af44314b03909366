/** What a request or a response says, as far as it was read. */

/** Topics and partitions that are told apart; of more it is known that there are more. */
export const PLACES_MAX = 256

/** A partition of a topic. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

export class Facts {
  /** The first code that is not 0. */
  error = 0
  /** -2: not known. */
  acks = -2
  waitMaxMs = 0
  sessionId = 0
  sessionEpoch = -1
  readonly topics: string[] = []
  readonly places: Place[] = []
  readonly forgotten: Place[] = []
  /** Topics or partitions without room in the lists. */
  more = false
  #topicCount = 0
  #partitionCount = 0
  #group = ''
  #groupCount = 0
  #messages = 0
  #batches = 0

  clear(): void {
    this.error = 0
    this.acks = -2
    this.waitMaxMs = 0
    this.sessionId = 0
    this.sessionEpoch = -1
    this.#messages = 0
    this.#batches = 0
    this.topics.length = 0
    this.places.length = 0
    this.forgotten.length = 0
    this.more = false
    this.#topicCount = 0
    this.#partitionCount = 0
    this.#group = ''
    this.#groupCount = 0
  }

  /** As many as the message says that it has, which may be more than were read. */
  get topicCount(): number {
    return this.#topicCount
  }

  /** The only one that it is about, else ''. */
  get onlyTopic(): string {
    return this.#topicCount === 1 ? (this.topics[0] ?? '') : ''
  }

  /** The only one, else ''. */
  get onlyPartition(): string {
    const [place] = this.places
    const isOnly = this.#topicCount === 1 && this.#partitionCount === 1
    return isOnly && place !== undefined ? String(place.partition) : ''
  }

  get group(): string {
    return this.#groupCount === 1 ? this.#group : ''
  }

  /** Messages that are sent; 0: not known, as not every batch was read. */
  get messages(): number {
    const isAll = this.topics.length === this.#topicCount && this.#batches === this.#partitionCount
    return isAll && this.#messages > 0 ? this.#messages : 0
  }

  holds(what: '' | 't' | 'p', count: number): void {
    if (what === 't') this.#topicCount += count
    else if (what === 'p') this.#partitionCount += count
  }

  number(mark: string, value: number): void {
    if (mark === 'e') this.error ||= value
    else if (mark === 'a') this.acks = value
    else if (mark === 'w') this.waitMaxMs = Math.max(0, value)
    else if (mark === 'i') this.sessionId = value
    else if (mark === 'n') this.sessionEpoch = value
  }

  topic(name: string): void {
    if (this.topics.length < PLACES_MAX) this.topics.push(name)
    else this.more = true
  }

  partitionOf(topic: string, partition: number, isForgotten: boolean): void {
    const list = isForgotten ? this.forgotten : this.places
    if (list.length < PLACES_MAX) list.push({ topic, partition })
    else this.more = true
  }

  groupOf(name: string): void {
    this.#group ||= name
    this.#groupCount++
  }

  /** Of one partition; NaN: not known. */
  batch(messages: number): void {
    this.#messages += messages
    this.#batches++
  }
}
