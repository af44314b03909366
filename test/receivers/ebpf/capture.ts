/**
 * The whole receiver on the real kernel: both halves in this process, its rows kept as objects.
 * This process's own connections are left out, so traffic must come from others.
 */
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import type { Outcome } from '../../../pipeline/outcome.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { type EbpfConfig, schema } from '../../../receivers/ebpf/config.ts'
import { ebpf, kernelConfig } from '../../../receivers/ebpf/index.ts'
import { openKernel } from '../../../receivers/ebpf/keeper.ts'
import { skipUnless } from '../../kit/requirements.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { type Row, rowOf } from './script.ts'

export const SKIP = skipUnless(
  process.getuid?.() === 0 ? undefined : 'Cannot load kernel programs as this is not root',
)

export class Capture {
  readonly ledger = new Ledger(pino({ enabled: false }))
  readonly rows: Row[] = []
  /** What the next component answers; its rows are kept when that is `ok`. */
  answer: () => Outcome = () => OK
  /** Told of rows as they come. */
  rowsCame = (_rows: readonly Row[]): void => {}
  readonly #privileged: Awaited<ReturnType<typeof openKernel>>
  #receiver: { shutdown?(): Promise<void>; held?(): number } | undefined

  private constructor(privileged: Awaited<ReturnType<typeof openKernel>>) {
    this.#privileged = privileged
  }

  static async start(options: Record<string, unknown> = {}): Promise<Capture> {
    const config: EbpfConfig = schema.parse(options)
    const logger = pino({ enabled: false })
    const privileged = await openKernel(kernelConfig(config), { id: 'ebpf', logger })
    const capture = new Capture(privileged)
    const create = ebpf.create.flows
    if (create === undefined) throw new Error('ebpf gives no flows')
    const settings = settingsOf({ id: 'ebpf', ledger: capture.ledger, inherited: privileged })
    const receiver = await create(settings, config, {
      mutates: false,
      consume: (batch: FlowBatch) => capture.#consume(batch),
    })
    capture.#receiver = receiver
    await receiver.start?.(hostOf())
    return capture
  }

  /** What its privileged half has opened. */
  get fds(): readonly number[] {
    return this.#privileged.fds
  }

  held(): number {
    return this.#receiver?.held?.() ?? 0
  }

  /** Detaches first, so that the kernel's counts are final when the rings are read to their end. */
  async stop(): Promise<void> {
    this.#privileged.close()
    await this.#receiver?.shutdown?.()
  }

  #consume(batch: FlowBatch): Outcome {
    const outcome = this.answer()
    if (outcome.kind !== 'ok') return outcome
    const rows = Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row))
    this.rows.push(...rows)
    this.rowsCame(rows)
    this.ledger.out += batch.rows
    return outcome
  }
}
