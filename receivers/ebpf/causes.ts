/**
 * Which request made a process send the next one.
 *
 * The kernel's pieces come in the order in which threads read and wrote them. A request is *open*
 * in a process from the moment its head was read there until its response is written. When the
 * process begins a request of its own, the candidates for its cause are open requests:
 *
 * 1. `header`, confidence 1: the new request carries a traceparent, and exactly one open request of
 *    the process carries the same one (a proxy passes it on unchanged); failing that, exactly one
 *    of the same trace.
 * 2. `thread`: the open requests that the writing thread has read.
 *    - one: confidence 1 if this process is known to answer in the thread that reads, else 0.9;
 *    - k: the one it turned to last, confidence 1/k. It turns to a request by reading of it, and by
 *      reading the response to a request that it caused. If the request is the first on its
 *      connection and this thread called connect(), what it had read by then counts instead.
 * 3. `timing`: where requests are handed from thread to thread (Go, thread pools), the reading
 *    thread says nothing, and all open requests of the process are candidates: one has confidence
 *    0.8, of k the latest 1/k. A process is known to hand over once a response was begun by another
 *    thread than the one that read its request, or a response read by another than wrote the
 *    request.
 *
 * In 2 and 3, an open request of another trace than the new one's is no candidate. Without a
 * candidate there is no cause: an orphan rather than a wrong parent.
 */
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import type { Exchange } from './exchanges.ts'

const CONFIDENCE_PROVEN = 1
const CONFIDENCE_UNPROVEN = 0.9
const CONFIDENCE_ALONE = 0.8

/** With more, none would be believed, and looking at them would cost. */
const CANDIDATES_MAX = 256
/** Processes whose habit is remembered. */
const PROCESSES_MAX = 8192

const ANSWERS_IN_THREAD = 1
const HANDS_OVER = 2

/** Words of Head.trace: the trace id, and with it the parent id. */
const TRACE_ID_WORDS = 4
const TRACE_AND_PARENT_WORDS = 6

export class Causes {
  /** Looked for, and too many candidates to look at. */
  crowded = 0
  /** Habits forgotten because there were too many processes. */
  forgotten = 0
  readonly #threads = new Map<number, Exchange[]>()
  readonly #processes = new Map<number, Exchange[]>()
  readonly #habits = new Map<number, number>()
  #reads = 0

  /** Open requests, of all processes. */
  get size(): number {
    let size = 0
    for (const open of this.#processes.values()) size += open.length
    return size
  }

  /** The head of a request was read. */
  received(exchange: Exchange): void {
    exchange.readOrder = ++this.#reads
    exchange.processSlot = push(this.#processes, exchange.pid, exchange)
    exchange.threadSlot = push(this.#threads, exchange.tid, exchange)
  }

  /** More of the request was read, maybe by another thread: it is that one's now. */
  readBy(exchange: Exchange, tid: number): void {
    if (exchange.threadSlot < 0) return
    exchange.readOrder = ++this.#reads
    if (exchange.tid === tid) return
    this.#leaveThread(exchange)
    exchange.tid = tid
    exchange.threadSlot = push(this.#threads, tid, exchange)
  }

  /** A thread begins to write the response. */
  answering(exchange: Exchange, tid: number): void {
    this.#learn(exchange.pid, tid === exchange.tid ? ANSWERS_IN_THREAD : HANDS_OVER)
  }

  /** The exchange has ended: it causes nothing any more. */
  answered(exchange: Exchange): void {
    if (exchange.processSlot < 0) return
    this.#leaveThread(exchange)
    const moved = remove(this.#processes, exchange.pid, exchange.processSlot)
    if (moved !== undefined) moved.processSlot = exchange.processSlot
    exchange.processSlot = -1
  }

  /** A thread begins to read the response to a request that this process has sent. */
  returned(exchange: Exchange, tid: number): void {
    if (tid !== exchange.tid) this.#learn(exchange.pid, HANDS_OVER)
    const { cause } = exchange
    if (cause !== undefined && cause.threadSlot >= 0) cause.readOrder = ++this.#reads
  }

  /** Sets the cause of a request that a process begins to send. `first`: on its connection. */
  find(exchange: Exchange, first: boolean): void {
    const open = this.#processes.get(exchange.pid)
    if (open === undefined) return
    if (this.#findByHeader(exchange, open)) return
    const habit = this.#habits.get(exchange.pid) ?? 0
    if ((habit & HANDS_OVER) !== 0) {
      const { best, count } = latest(exchange, open, Number.POSITIVE_INFINITY)
      this.#set(exchange, best, LINK_METHOD.timing, count === 1 ? CONFIDENCE_ALONE : 1 / count)
      return
    }
    const mine = this.#threads.get(exchange.tid)
    if (mine === undefined) return
    const { connection } = exchange
    const connected = first && connection.connectTid === exchange.tid && connection.startNs > 0
    const before = connected ? connection.startNs : Number.POSITIVE_INFINITY
    const { best, count } = latest(exchange, mine, before)
    const alone = (habit & ANSWERS_IN_THREAD) !== 0 ? CONFIDENCE_PROVEN : CONFIDENCE_UNPROVEN
    this.#set(exchange, best, LINK_METHOD.thread, count === 1 ? alone : 1 / count)
  }

  #findByHeader(exchange: Exchange, open: readonly Exchange[]): boolean {
    if (exchange.trace === undefined) return false
    const match =
      only(exchange.trace, open, TRACE_AND_PARENT_WORDS) ??
      only(exchange.trace, open, TRACE_ID_WORDS)
    this.#set(exchange, match, LINK_METHOD.header, 1)
    return match !== undefined
  }

  #set(exchange: Exchange, cause: Exchange | undefined, method: number, confidence: number): void {
    if (cause === undefined) return
    if (confidence < 1 / CANDIDATES_MAX) {
      this.crowded++
      return
    }
    exchange.cause = cause
    exchange.causeMethod = method
    exchange.causeConfidence = confidence
  }

  #leaveThread(exchange: Exchange): void {
    const moved = remove(this.#threads, exchange.tid, exchange.threadSlot)
    if (moved !== undefined) moved.threadSlot = exchange.threadSlot
    exchange.threadSlot = -1
  }

  #learn(pid: number, habit: number): void {
    const known = this.#habits.get(pid)
    if (known !== undefined && (known & habit) !== 0) return
    if (known === undefined && this.#habits.size >= PROCESSES_MAX) {
      const oldest = this.#habits.keys().next().value
      if (oldest !== undefined) this.#habits.delete(oldest)
      this.forgotten++
    }
    this.#habits.set(pid, (known ?? 0) | habit)
  }
}

/**
 * How many of `candidates` may be the cause, and which of them the thread turned to last; of those
 * read before `beforeNs`, if there are any.
 */
function latest(
  exchange: Exchange,
  candidates: readonly Exchange[],
  beforeNs: number,
): { best: Exchange | undefined; count: number } {
  let best: Exchange | undefined
  let bestIsBefore = false
  let count = 0
  // Beyond the bound the count alone says enough: none will be believed.
  if (candidates.length > CANDIDATES_MAX) return { best: candidates[0], count: candidates.length }
  for (const candidate of candidates) {
    // A thread id may have been another process's.
    if (candidate.pid !== exchange.pid || contradicts(exchange, candidate)) continue
    count++
    const before = candidate.startNs <= beforeNs
    if (best === undefined || (before && !bestIsBefore)) {
      best = candidate
      bestIsBefore = before
    } else if (before === bestIsBefore && candidate.readOrder > best.readOrder) {
      best = candidate
    }
  }
  return { best, count }
}

/** Both carry a trace context, of different traces. */
function contradicts(exchange: Exchange, candidate: Exchange): boolean {
  const { trace } = exchange
  if (trace === undefined || candidate.trace === undefined) return false
  return !same(trace, candidate.trace, TRACE_ID_WORDS)
}

/**
 * The one open request whose trace context is equal in its first words; undefined: none, or more.
 */
function only(trace: Uint32Array, open: readonly Exchange[], words: number): Exchange | undefined {
  if (open.length > CANDIDATES_MAX) return undefined
  let match: Exchange | undefined
  for (const candidate of open) {
    if (candidate.trace === undefined || !same(trace, candidate.trace, words)) continue
    if (match !== undefined) return undefined
    match = candidate
  }
  return match
}

function same(a: Uint32Array, b: Uint32Array, words: number): boolean {
  for (let i = 0; i < words; i++) if (a[i] !== b[i]) return false
  return true
}

/** Appends to the list of `key`; returns the place. */
function push(lists: Map<number, Exchange[]>, key: number, exchange: Exchange): number {
  const list = lists.get(key)
  if (list !== undefined) return list.push(exchange) - 1
  lists.set(key, [exchange])
  return 0
}

/** Takes a place out of the list of `key`; returns who has moved there from the end. */
function remove(lists: Map<number, Exchange[]>, key: number, at: number): Exchange | undefined {
  const list = lists.get(key)
  if (list === undefined || at < 0) return undefined
  const last = list.pop() as Exchange
  if (list.length === 0) lists.delete(key)
  if (at === list.length) return undefined
  list[at] = last
  return last
}
