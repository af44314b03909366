/** What of a request of logs is rows of flows, and what is not: docs/FLOWS.md. */
import type { Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { decodeFlows } from '../../pipeline/flows/otlp/decode.ts'
import { surveyRecords, withoutFlowScopes } from '../../pipeline/flows/otlp/flow_scopes.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { OK_STATUS, type Rejected, type Status } from './status.ts'

export interface Divided {
  readonly rows: FlowBatch | undefined
  /** The rest, where a pipeline takes logs. */
  readonly others: OtlpBatch | undefined
  /** What can go nowhere; sending it again would not help. */
  readonly rejected: Rejected | undefined
}

/** Undefined when nothing of it has a pipeline. The bytes have been checked. */
export function divideLogs(
  batch: OtlpBatch,
  { hasLogs }: { hasLogs: boolean },
): Divided | undefined {
  const survey = surveyRecords(batch.bytes)
  if (survey.flows === 0) {
    return hasLogs ? { rows: undefined, others: batch, rejected: undefined } : undefined
  }
  const { batch: rows, rejected, reason } = decodeFlows(batch.bytes, survey.flows)
  const others =
    hasLogs && survey.others > 0
      ? { ...batch, bytes: withoutFlowScopes(batch.bytes), items: survey.others }
      : undefined
  const lost = rejected + (hasLogs ? 0 : survey.others)
  const why = rejected > 0 ? reason : 'no pipeline takes logs that are no flow rows'
  return {
    rows: rows.rows > 0 ? rows : undefined,
    others,
    rejected: lost > 0 ? { items: lost, message: why } : undefined,
  }
}

/** Counts what was rejected; the status says so to the sender. */
export function rejectedOf(
  rejected: Rejected,
  { ledger, logger, transport }: Pick<Settings, 'ledger' | 'logger'> & { transport: string },
): Status {
  const { items, message } = rejected
  ledger.reception(transport, 'failed', items)
  ledger.note(`rejected_records{${transport}}`, items)
  logger.debug({ rejected: items, reason: message, transport }, 'Log records are no flow rows')
  return { ...OK_STATUS, rejected }
}
