/**
 * Does an edge lose more than it may? Page's cumulative sum (CUSUM, 1954) of the log-likelihood
 * ratio between two rates of loss events: `most`, which is to be found, and an eighth of it, which
 * is to be let go.
 *
 *     score = max(0, score − segments · (most − least)) + losses · ln(most / least)
 *
 * Segments come before losses, as a loss is told when it is found. Time is not in it: an edge that
 * sends much is judged in 100 ms, one that sends little when it has sent enough. With 2 % it takes
 * some 320 segments on average to be found; in 440,000 segments that lose 0.25 % there is one false
 * alarm on average, in 30 million that lose 0.1 % at most one (docs/EPISODES.md).
 */

/** Of what is to be found, what is let go. */
const LEAST_SHARE = 1 / 8
const SCORE_MAX = 8
/** Above the score that tells, or a long episode would need as long to be over. */
const SCORE_CEILING = 2 * SCORE_MAX

export class LossTest {
  #segments = -1
  #losses = 0
  #score = 0
  /** Since the loss that the score began to grow with, without it. */
  #sinceNs = 0
  #sinceSegments = 0
  #sinceLosses = 0

  /** When the losses began that the score stands for. */
  get sinceNs(): number {
    return this.#sinceNs
  }

  /** Losses to a segment since then: what came before the first is of no account. */
  get share(): number {
    return Math.min(1, this.#sinceLosses / Math.max(1, this.#sinceSegments))
  }

  /** Takes the edge's counts so far; true where they are too much. */
  add(counts: { segments: number; losses: number; timeNs: number }, most: number): boolean {
    const { segments, losses } = this.#since(counts)
    const calm = segments * most * (1 - LEAST_SHARE)
    if (this.#score <= calm) {
      this.#score = 0
      this.#sinceNs = counts.timeNs
      this.#sinceSegments = 0
      this.#sinceLosses = 0
    } else {
      this.#score -= calm
      this.#sinceSegments += segments
      this.#sinceLosses = Math.max(0, this.#sinceLosses + losses)
    }
    const score = this.#score + losses * Math.log(1 / LEAST_SHARE)
    this.#score = Math.max(0, Math.min(SCORE_CEILING, score))
    return this.#score >= SCORE_MAX
  }

  /**
   * What is new; less than no losses where some were taken back. Of an edge that was not known, or
   * began anew, this one loss.
   */
  #since({ segments, losses }: { segments: number; losses: number }) {
    const known = this.#segments >= 0 && segments >= this.#segments
    const since = known
      ? { segments: segments - this.#segments, losses: losses - this.#losses }
      : { segments: 0, losses: 1 }
    this.#segments = segments
    this.#losses = losses
    return since
  }
}
