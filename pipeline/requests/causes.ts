/**
 * Which request made a process send the next one.
 *
 * The kernel's pieces come in the order in which threads read and wrote them. A request is *open*
 * in a process from the moment its head was read there until its response is written. When the
 * process begins a request of its own (a *call*), the candidates for its cause are open requests:
 *
 * 1. `header`, confidence 1: the call carries a traceparent, and exactly one open request of the
 *    process carries the same one (a proxy passes it on unchanged); failing that, exactly one of
 *    the same trace.
 * 2. `thread`: the open requests that the calling thread has read.
 *    - one: confidence 1 if this process is known to answer in the thread that reads, else 0.9;
 *    - more (an event loop): the one that it was sent **at once** for, see below;
 *    - else, of k, the one the thread turned to last, confidence 1/k. If the call is the first on
 *      its connection and this thread called connect(), what it had read by then counts instead.
 * 3. `timing`: where requests are handed from thread to thread (Go, thread pools), the reading
 *    thread says nothing, and all open requests of the process are candidates: one has confidence
 *    0.8, of k the latest 1/k. A process is known to hand over once a response was begun by another
 *    thread than the one that read its request, or a response read by another than wrote the
 *    request.
 *
 * In 2 and 3, an open request of another trace than the call's is no candidate. Without a candidate
 * there is no cause: an orphan rather than a wrong parent.
 *
 * A thread *turns to* a request by reading of it, or of the response to a call that is surely its.
 * It turns away by any other read or write. A call is made when its first byte is written; the
 * first of a connection when its thread called connect(). It was sent **at once** for T when
 * - T is what the thread had turned to last, and it has not slept since (payload_record.sleeps);
 * - it did not turn to T by a response on the call's own connection, nor by one of several that T
 *   waits for: a response makes room for whoever is next in a queue;
 * - every other candidate was read after the call was made, or is waiting: for more of its request,
 *   for the answer to a call that was made before, or for the rest of its response to be taken;
 * - this process sends at once: habits.ts.
 *
 * That is learnt where the cause is certain: by a header, as the one candidate, and, for a request
 * that has caused nothing yet, as the only one that waits for nothing or that was read since the
 * thread woke. A call by a thread that has slept since it last read or wrote was not sent at once,
 * whatever its cause. A request that has caused nothing yet waits for the answer to a call of which
 * all but the last two is true: else one orphan would make orphans of all that come after it.
 *
 * A call that *looks up a name* has its cause by the same rules, and two of its own: in a process
 * that was asked the same question once, that is the cause (`identity`: it forwards it); and if its
 * thread has read no request (a pool's, that calls getaddrinfo()), the one that is open in the
 * process is, by `timing`. It says nothing of others, though: A and AAAA are asked for at once, an
 * answer may be awaited by many, and what comes then is not sent at once. So nothing is learnt of
 * it, its cause does not wait for it, and its answer turns the thread to nobody.
 */
import { LINK_METHOD, ROLE } from '../flows/schema.ts'
import {
  byHeader,
  byQuestion,
  CANDIDATES_MAX,
  latest,
  possible,
  stateOf,
  waits,
} from './candidates.ts'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { ANSWERS_IN_THREAD, CAUSE, HANDS_OVER, Habits } from './habits.ts'
import type { Piece } from './piece.ts'
import { type Turn, Turns } from './turns.ts'

const CONFIDENCE_PROVEN = 1
const CONFIDENCE_UNPROVEN = 0.9
const CONFIDENCE_ALONE = 0.8
const CONFIDENCE_FORWARDED = 0.95
/** From here on a cause counts as known in the search for others. */
const CONFIDENCE_SURE = 0.7

/** Threads, and processes, without an open request that are kept for the next one. */
const IDLE_MAX = 256

/** A thread's open requests, and what it turned to while it has any. */
export interface Thread {
  readonly open: Exchange[]
  readonly turns: Turns
}

/** A process's open requests. */
export interface Process {
  readonly open: Exchange[]
}

/** When a call was made. */
interface Moment {
  timeNs: number
  sleeps: number
  /** What the thread was at. */
  turn: Turn | undefined
}

export class Causes {
  /** Looked for, and too many candidates to look at. */
  crowded = 0
  readonly #threads = new Map<number, Thread>()
  readonly #processes = new Map<number, Process>()
  readonly #habits = new Habits()
  readonly #moment: Moment = { timeNs: 0, sleeps: 0, turn: undefined }
  readonly #losing: () => boolean
  readonly #threadsKnown: boolean
  #reads = 0

  /**
   * `losing`: pieces were lost among those that are handled now. Without `threadsKnown` processes
   * count as such that hand requests from thread to thread.
   */
  constructor(of: { losing: () => boolean; threadsKnown: boolean }) {
    this.#losing = of.losing
    this.#threadsKnown = of.threadsKnown
  }

  /** Open requests, of all processes. */
  get size(): number {
    let size = 0
    for (const { open } of this.#processes.values()) size += open.length
    return size
  }

  /** Processes whose habits were forgotten because there were too many. */
  get forgotten(): number {
    return this.#habits.forgotten
  }

  /** The head of a request was read. */
  received(exchange: Exchange): void {
    exchange.readOrder = ++this.#reads
    const { pid } = exchange
    let process = this.#processes.get(pid)
    if (process === undefined) {
      process = { open: [] }
      this.#processes.set(pid, process)
    }
    exchange.process = process
    exchange.processSlot = process.open.push(exchange) - 1
    this.#joinThread(exchange)
  }

  /** More of the request was read, maybe by another thread: it is that one's now. */
  readBy(exchange: Exchange, tid: number): void {
    if (exchange.thread === undefined) return
    exchange.readOrder = ++this.#reads
    if (exchange.tid === tid) return
    this.#leaveThread(exchange)
    exchange.tid = tid
    this.#joinThread(exchange)
  }

  /** A piece was handled; the thread read or wrote it in the name of `to`, if that is known. */
  turned(piece: Piece, to: Exchange | undefined, connection: Connection): void {
    const thread = this.#threads.get(piece.tid)
    if (thread === undefined || thread.open.length === 0) return
    const { turns } = thread
    // Who makes a call for the request it is at stays there.
    if (piece.sent && to !== undefined && turns.last?.to === to) turns.stay(piece)
    else turns.turn(piece, piece.sent || this.#losing() ? undefined : to, connection)
  }

  /** A thread begins to write the response. */
  answering(exchange: Exchange, tid: number): void {
    // Of a datagram that came in nobody may know who has read it.
    if (exchange.tid === 0) return
    this.#habits.get(exchange.pid).threads |= tid === exchange.tid ? ANSWERS_IN_THREAD : HANDS_OVER
  }

  /** The exchange has ended: it causes nothing any more, and nobody waits for it. */
  answered(exchange: Exchange): void {
    this.#awaited(exchange)
    const { process } = exchange
    if (process === undefined) return
    this.#leaveThread(exchange)
    const { open } = process
    const moved = remove(open, exchange.processSlot)
    if (moved !== undefined) moved.processSlot = exchange.processSlot
    if (open.length === 0 && this.#processes.size > IDLE_MAX) this.#processes.delete(exchange.pid)
    exchange.process = undefined
  }

  /** A thread begins to read the response to a request that this process has sent. */
  returned(exchange: Exchange, tid: number): void {
    if (tid !== exchange.tid && !exchange.isLookup) {
      this.#habits.get(exchange.pid).threads |= HANDS_OVER
    }
    this.#awaited(exchange)
    const { cause } = exchange
    if (cause?.thread !== undefined) cause.readOrder = ++this.#reads
  }

  /**
   * Sets the cause of a request that a process begins to send. `first`: on its connection;
   * `sleeps`: the thread's, as the first byte was written.
   */
  find(call: Exchange, { first, sleeps }: { first: boolean; sleeps: number }): void {
    const open = this.#processes.get(call.pid)?.open
    if (open === undefined || open.length === 0) return
    const moment = this.#momentOf(call, { first, sleeps })
    const same = byHeader(call, open)
    if (same !== undefined) {
      this.#learn(call, same, moment)
      this.#set(call, same, { moment, method: LINK_METHOD.header, confidence: 1 })
      return
    }
    const forwarded = call.isLookup ? byQuestion(call, open) : undefined
    if (forwarded !== undefined) {
      const confidence = CONFIDENCE_FORWARDED
      this.#set(call, forwarded, { moment, method: LINK_METHOD.identity, confidence })
      return
    }
    const { threads } = this.#habits.get(call.pid)
    const thread = this.#threads.get(call.tid)
    const mine = thread?.open.length === 0 ? undefined : thread?.open
    const isHandedOver = !this.#threadsKnown || (threads & HANDS_OVER) !== 0
    if (isHandedOver || (mine === undefined && call.isLookup)) {
      const { best, count } = latest(call, open, Number.POSITIVE_INFINITY)
      const confidence = count === 1 ? CONFIDENCE_ALONE : 1 / count
      this.#set(call, best, { moment, method: LINK_METHOD.timing, confidence })
      return
    }
    if (mine === undefined) return
    const { best, count } = latest(call, mine, moment.timeNs)
    if (best === undefined) return
    const method = LINK_METHOD.thread
    if (count === 1) {
      const proven = (threads & ANSWERS_IN_THREAD) !== 0
      const confidence = proven ? CONFIDENCE_PROVEN : CONFIDENCE_UNPROVEN
      this.#learn(call, best, moment)
      this.#set(call, best, { moment, method, confidence })
      return
    }
    if (count <= CANDIDATES_MAX) this.#learnDeferred(call, mine, moment)
    const cause = count > CANDIDATES_MAX ? undefined : this.#candidateAtOnce(call, moment)
    const confidence = cause === undefined ? 0 : this.#confidence(call, { cause, mine, moment })
    this.#set(call, cause ?? best, { moment, method, confidence: confidence || 1 / count })
    if (cause?.calls === 0) this.#await(call, cause, moment)
  }

  /** The request that the thread was at when it made the call, among other open ones. */
  #candidateAtOnce(call: Exchange, moment: Moment): Exchange | undefined {
    if (moment.turn === undefined || this.#losing()) return undefined
    const cause = atOnce(moment)
    if (cause === undefined || saysNothing(call, moment.turn)) return undefined
    return possible(call, cause) ? cause : undefined
  }

  /** How sure that is; 0: not at all. And learns. */
  #confidence(
    call: Exchange,
    { cause, mine, moment }: { cause: Exchange; mine: readonly Exchange[]; moment: Moment },
  ): number {
    const habit = this.#habits.get(call.pid)
    const state = stateOf(cause)
    const confidence = habit.confidence(state)
    const alone = mine.every(
      (other) =>
        other === cause ||
        other.startNs > moment.timeNs ||
        waits(other, moment.timeNs) ||
        !possible(call, other),
    )
    if (!call.isLookup && state === CAUSE.new && (alone || moment.turn?.woke))
      habit.note(state, true)
    return alone ? confidence : 0
  }

  /** The cause is certain: was the call sent at once? */
  #learn(call: Exchange, cause: Exchange, moment: Moment): void {
    const { turn } = moment
    if (call.isLookup || turn === undefined || saysNothing(call, turn) || this.#losing()) return
    this.#habits.get(call.pid).note(stateOf(cause), atOnce(moment) === cause)
  }

  /** Whatever the cause was, the call was not sent at once if the thread has slept since. */
  #learnDeferred(call: Exchange, mine: readonly Exchange[], moment: Moment): void {
    const { turn, sleeps, timeNs } = moment
    if (call.isLookup || turn === undefined || turn.sleeps === sleeps || this.#losing()) return
    const isNew = (other: Exchange) => other.calls === 0 && !waits(other, timeNs)
    this.#habits.get(call.pid).note(mine.some(isNew) ? CAUSE.new : CAUSE.resumed, false)
  }

  /** When the call was made: connect() if it is by the same thread and for this call. */
  #momentOf(call: Exchange, { first, sleeps }: { first: boolean; sleeps: number }): Moment {
    const { connectTid, startNs, connectSleeps } = call.connection
    const moment = this.#moment
    const turns = this.#threads.get(call.tid)?.turns
    if (!first) {
      moment.timeNs = call.startNs
      moment.sleeps = sleeps
      moment.turn = turns?.last
      return moment
    }
    const connected = connectTid === call.tid && startNs > 0
    moment.timeNs = connected ? startNs : call.startNs
    moment.sleeps = connectSleeps
    moment.turn = connected ? turns?.at(startNs) : undefined
    return moment
  }

  #set(
    call: Exchange,
    cause: Exchange | undefined,
    how: { moment: Moment; method: number; confidence: number },
  ): void {
    if (cause === undefined) return
    if (how.confidence < 1 / CANDIDATES_MAX) {
      this.crowded++
      return
    }
    call.cause = cause
    call.causeMethod = how.method
    call.causeConfidence = how.confidence
    if (how.confidence < CONFIDENCE_SURE) return
    call.isSure = true
    this.#await(call, cause, how.moment)
  }

  /** Its cause waits for the answer to a call. */
  #await(call: Exchange, cause: Exchange, moment: Moment): void {
    if (call.isLookup) return
    call.isAwaited = true
    if (cause.awaited++ === 0) cause.awaitsSinceNs = moment.timeNs
    cause.calls++
  }

  /** The answer to a call has come, or will not come. */
  #awaited(call: Exchange): void {
    if (!call.isAwaited) return
    call.isAwaited = false
    if (call.cause !== undefined) call.cause.awaited--
  }

  #joinThread(exchange: Exchange): void {
    let thread = this.#threads.get(exchange.tid)
    if (thread === undefined) {
      thread = { open: [], turns: new Turns() }
      this.#threads.set(exchange.tid, thread)
    }
    exchange.thread = thread
    exchange.threadSlot = thread.open.push(exchange) - 1
  }

  #leaveThread(exchange: Exchange): void {
    const { open, turns } = exchange.thread as Thread
    const moved = remove(open, exchange.threadSlot)
    if (moved !== undefined) moved.threadSlot = exchange.threadSlot
    if (open.length === 0) {
      turns.clear()
      if (this.#threads.size > IDLE_MAX) this.#threads.delete(exchange.tid)
    }
    exchange.thread = undefined
  }
}

/** The request that the thread had just turned to, without having slept since. */
function atOnce({ turn, sleeps }: Moment): Exchange | undefined {
  if (turn?.to === undefined || turn.sleeps !== sleeps) return undefined
  return turn.to.thread === undefined ? undefined : turn.to
}

/** A response makes room, in a pool or a limit, for whoever is next in its queue. */
function saysNothing(call: Exchange, { connection, to }: Turn): boolean {
  if (connection?.role === ROLE.server) return false
  return connection === call.connection || (to !== undefined && to.awaited > 0)
}

/** Takes a place out of a list; returns who has moved there from the end. */
function remove(list: Exchange[], at: number): Exchange | undefined {
  const last = list.pop() as Exchange
  if (at === list.length) return undefined
  list[at] = last
  return last
}
