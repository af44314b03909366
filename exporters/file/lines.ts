/** The lines of a batch, each with its line break: OTLP/JSON a batch, or flow log a row. */

import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { flowLog } from '../../pipeline/flows/json.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { toJson } from '../../pipeline/otlp/json.ts'
import type { Malformed } from '../../pipeline/otlp/wire_reader.ts'

export interface Lines {
  readonly text: string
  readonly items: number
}

export function otlpLines(batch: OtlpBatch): Lines | Malformed {
  const json = toJson(batch.signal, batch.bytes)
  return typeof json === 'string' ? { text: `${json}\n`, items: batch.items } : json
}

export function flowLines(batch: FlowBatch): Lines {
  const line = flowLog(batch)
  let text = ''
  for (let row = 0; row < batch.rows; row++) text += `${line(row)}\n`
  return { text, items: batch.rows }
}
