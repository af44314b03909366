/**
 * What the keeper and its child tell each other, a line of JSON each, over a pair of sockets that
 * closes when one of them is gone.
 *
 *     keeper ── start, reload, answer ──▶ child
 *            ◀── ready, ask, answer ─────
 *
 * The keeper reads all configuration and hands it over resolved: the child, which may read none of
 * the files, is told what stands in them. What the child says the keeper believes no further than
 * it must: whatever is not one of the three short messages is passed over.
 */
import type { Duplex } from 'node:stream'
import type { Resolved } from '../config/resolve.ts'
import type { ReloadResult } from '../service_view.ts'

/** Of a configuration, and of what the child says. */
const CONFIG_BYTES_MAX = 256 * 1024 * 1024
const WORD_BYTES_MAX = 256 * 1024
/** What is told of why a reload failed. */
const REASON_CHARS_MAX = 32 * 1024
/** And of who asked for it. */
const ASKER_CHARS_MAX = 100

const GONE: ReloadResult = { ok: false, reason: 'the pipeline process has ended' }
const KEEPER_GONE: ReloadResult = { ok: false, reason: 'the keeper has ended' }

/** The keeper's end. */
export class ChildChannel {
  readonly #stream: Duplex
  readonly #onAsk: (by: string) => Promise<ReloadResult>
  readonly #answers = new Map<number, (result: ReloadResult) => void>()
  readonly #ready = Promise.withResolvers<void>()
  #lastId = 0
  #isClosed = false

  /** @param onAsk the child asks for a reload */
  constructor(stream: Duplex, onAsk: (by: string) => Promise<ReloadResult>) {
    this.#stream = stream
    this.#onAsk = onAsk
    onLines(stream, { bytesMax: WORD_BYTES_MAX, line: (message) => this.#hear(message) })
    stream.on('error', () => {})
    stream.on('close', () => this.#close())
  }

  start(resolved: Resolved): void {
    send(this.#stream, { type: 'start', resolved })
  }

  /** Waits until the child has started, hands it the configuration, and gives what came of it. */
  async reload(resolved: Resolved): Promise<ReloadResult> {
    await this.#ready.promise
    if (this.#isClosed) return GONE
    const { promise, resolve } = Promise.withResolvers<ReloadResult>()
    const id = ++this.#lastId
    this.#answers.set(id, resolve)
    send(this.#stream, { type: 'reload', id, resolved })
    return await promise
  }

  #hear(message: Record<string, unknown>): void {
    const { type, id, by } = message
    if (type === 'ready') this.#ready.resolve()
    else if (type === 'ask' && typeof id === 'number') {
      const asker = typeof by === 'string' ? by.slice(0, ASKER_CHARS_MAX) : 'the pipeline process'
      void this.#onAsk(asker).then((result) => send(this.#stream, { type: 'answer', id, result }))
    } else if (type === 'answer' && typeof id === 'number') {
      this.#answers.get(id)?.(resultOf(message.result))
      this.#answers.delete(id)
    }
  }

  #close(): void {
    this.#isClosed = true
    this.#ready.resolve()
    for (const resolve of this.#answers.values()) resolve(GONE)
    this.#answers.clear()
  }
}

/** The child's end. */
export class KeeperChannel {
  /** Resolves with what the child shall run; never when the keeper has nothing to say. */
  readonly started: Promise<Resolved>
  readonly #stream: Duplex
  readonly #answers = new Map<number, (result: ReloadResult) => void>()
  #onReload: ((resolved: Resolved) => Promise<ReloadResult>) | undefined
  #lastId = 0

  constructor(stream: Duplex, { gone }: { gone: () => void }) {
    this.#stream = stream
    const { promise, resolve } = Promise.withResolvers<Resolved>()
    this.started = promise
    onLines(stream, {
      bytesMax: CONFIG_BYTES_MAX,
      line: (message) => {
        if (message.type === 'start') resolve(message.resolved as Resolved)
        else this.#hear(message)
      },
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      for (const answer of this.#answers.values()) answer(KEEPER_GONE)
      this.#answers.clear()
      gone()
    })
  }

  /** The child runs now, and this is how it takes another configuration. */
  ready(onReload: (resolved: Resolved) => Promise<ReloadResult>): void {
    this.#onReload = onReload
    send(this.#stream, { type: 'ready' })
  }

  /**
   * Has the keeper read the configuration again; the answer comes after `onReload` is through.
   * @param by what asked for it, for the log
   */
  ask(by: string): Promise<ReloadResult> {
    if (this.#stream.destroyed) return Promise.resolve(KEEPER_GONE)
    const { promise, resolve } = Promise.withResolvers<ReloadResult>()
    const id = ++this.#lastId
    this.#answers.set(id, resolve)
    send(this.#stream, { type: 'ask', id, by })
    return promise
  }

  #hear(message: Record<string, unknown>): void {
    const id = message.id as number
    if (message.type === 'answer') {
      this.#answers.get(id)?.(message.result as ReloadResult)
      this.#answers.delete(id)
    } else if (message.type === 'reload') {
      const result = this.#onReload?.(message.resolved as Resolved)
      void result?.then((answer) => send(this.#stream, { type: 'answer', id, result: answer }))
    }
  }
}

function resultOf(value: unknown): ReloadResult {
  const { ok, reason } = (value ?? {}) as { ok?: unknown; reason?: unknown }
  if (ok === true) return { ok }
  const text = typeof reason === 'string' ? reason : 'the pipeline process did not say why'
  return { ok: false, reason: text.slice(0, REASON_CHARS_MAX) }
}

function send(stream: Duplex, message: object): void {
  if (stream.writable) stream.write(`${JSON.stringify(message)}\n`)
}

/** Calls `line` with each line that is a JSON object; one that is too long ends the stream. */
function onLines(
  stream: Duplex,
  to: { bytesMax: number; line: (message: Record<string, unknown>) => void },
): void {
  let parts: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const message = parsed(Buffer.concat([...parts, rest.subarray(0, end)]).toString())
      parts = []
      bytes = 0
      rest = rest.subarray(end + 1)
      if (message !== undefined) to.line(message)
    }
    if (rest.length === 0) return
    parts.push(rest)
    bytes += rest.length
    if (bytes > to.bytesMax) stream.destroy()
  })
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
