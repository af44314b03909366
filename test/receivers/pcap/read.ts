/** Captures, read by the receiver as the graph runs it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { OK, type Outcome } from '../../../pipeline/outcome.ts'
import { schema } from '../../../receivers/pcap/config.ts'
import { PcapReceiver } from '../../../receivers/pcap/pcap_receiver.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

export type Row = Record<string, string | number | boolean>

export interface Read {
  readonly rows: Row[]
  readonly exchanges: Row[]
  readonly connections: Row[]
  readonly notes: Record<string, number>
  readonly used: Readonly<Record<string, number>>
  readonly ledger: ReturnType<typeof settingsOf>['ledger']
}

/** Rows of a capture file, read by the receiver as the graph runs it. */
export async function readCapture(
  t: TestContext,
  file: Buffer,
  more: { options?: object; answer?: () => Outcome } = {},
): Promise<Read> {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-pcap-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'capture')
  writeFileSync(path, file)
  const settings = settingsOf({ id: 'pcap' })
  const rows: Row[] = []
  const next = {
    mutates: false,
    consume(batch: FlowBatch) {
      const outcome = more.answer?.() ?? OK
      if (outcome.kind !== 'ok') return outcome
      settings.ledger.out += batch.rows
      const line = flowLog(batch)
      for (let i = 0; i < batch.rows; i++) rows.push(JSON.parse(line(i)) as Row)
      return outcome
    },
  }
  const receiver = new PcapReceiver(settings, schema.parse({ path, ...more.options }), next)
  settings.ledger.heldBy = () => receiver.held()
  const { promise, resolve } = Promise.withResolvers<void>()
  await receiver.start({ ...hostOf(), finished: resolve })
  await promise
  await receiver.shutdown()
  const entry = settings.ledger.entry()
  const lost = Object.values(entry.lost).reduce((sum, count) => sum + count, 0)
  const used = Object.values(entry.used).reduce((sum, count) => sum + count, 0)
  assert.equal(entry.in, entry.out + used + lost + entry.held)
  return {
    rows,
    exchanges: rows.filter((row) => row.kind === 'exchange'),
    connections: rows.filter((row) => row.kind === 'connection'),
    notes: Object.fromEntries(settings.ledger.notes),
    used: entry.used,
    ledger: settings.ledger,
  }
}
