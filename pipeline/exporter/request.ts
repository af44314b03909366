/** What a queue holds: a batch until it is known what became of every item of it. */
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome, Retryable } from '../outcome.ts'
import { retryable } from '../outcome.ts'

/** Some items of a request, on their way in one send. */
export interface Share {
  readonly request: Request
  readonly items: number
}

/** What is sent at once: a request, part of one, or several merged. */
export interface Work {
  readonly batch: OtlpBatch
  readonly shares: readonly Share[]
}

/** The outcome of what was not tried, as the time was over. */
export const NOT_SENT: Retryable = retryable('the exporter is shutting down')

export interface RequestOwner {
  /** So many items of the request ended so; called for each share. */
  settle(request: Request, items: number, outcome: Outcome): void
  /** All of the request's shares are settled. */
  end(request: Request): void
}

export class Request {
  readonly batch: OtlpBatch
  readonly #owner: RequestOwner
  /** Shares that are not settled. */
  #open = 1

  constructor(batch: OtlpBatch, owner: RequestOwner) {
    this.batch = batch
    this.#owner = owner
  }

  get whole(): Work {
    return { batch: this.batch, shares: [{ request: this, items: this.batch.items }] }
  }

  /** One of the shares is now `parts` shares. */
  divide(parts: number): void {
    this.#open += parts - 1
  }

  settle(items: number, outcome: Outcome): void {
    this.#owner.settle(this, items, outcome)
    this.#open--
    if (this.#open === 0) this.#owner.end(this)
  }
}

export function settleAll({ shares }: Work, outcome: Outcome): void {
  for (const { request, items } of shares) request.settle(items, outcome)
}
