/** Plays a recording through the receiver, and keeps what it gives. */
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, type Outcome } from '../../../pipeline/outcome.ts'
import { replay } from '../../../receivers/replay/index.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { linesOf } from './recorded.ts'

export interface Played {
  /** The flow log, a batch an entry. */
  readonly batches: string[][]
  readonly lines: string[]
  readonly ledger: Ledger
  /** Of its log: what it says of the file. */
  readonly log: Record<string, unknown>[]
}

export interface PlayOptions {
  readonly [option: string]: unknown
}

/** Until the end of the file. `answer`: what the pipeline says to a batch. */
export async function play(
  path: string,
  options: PlayOptions = {},
  answer: (batch: FlowBatch) => Outcome = () => OK,
): Promise<Played> {
  const batches: string[][] = []
  const log: Record<string, unknown>[] = []
  const write = (line: string) => void log.push(JSON.parse(line))
  const logger = pino({ level: 'info' }, { write })
  const ledger = new Ledger(logger)
  const config = replay.schema.parse({ path, speed: 0, ...options })
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const receiver = await replay.create.flows?.(
    settingsOf({ id: 'replay', logger, ledger }),
    config,
    {
      mutates: false,
      consume(batch) {
        const outcome = answer(batch)
        if (outcome.kind === 'ok') {
          batches.push(linesOf(batch))
          ledger.out += batch.rows
        }
        return outcome
      },
    },
  )
  await receiver?.start?.({ ...hostOf(), finished: resolve })
  await finished
  await receiver?.shutdown?.()
  return { batches, lines: batches.flat(), ledger, log }
}
