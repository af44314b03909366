/**
 * The receiver's unprivileged half as a process of its own, which can be killed and stopped.
 *
 *     reader.ts INFO OPTIONS ROWS     descriptors from 3 on: those of the privileged half
 *
 * Appends rows to the file ROWS as it hands them on. SIGUSR2: refuses everything, until the next
 * one. Prints `reads`, and when SIGTERM has ended it its books, as JSON.
 */
import { appendFileSync } from 'node:fs'
import { pino } from 'pino'
import type { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../../pipeline/ledger.ts'
import { OK, retryable } from '../../../../pipeline/outcome.ts'
import type { KernelInfo } from '../../../../receivers/ebpf/capabilities.ts'
import { schema } from '../../../../receivers/ebpf/config.ts'
import { EbpfReceiver } from '../../../../receivers/ebpf/receiver.ts'
import { hostOf, settingsOf } from '../../../pipeline/surroundings.ts'
import { rowOf } from '../script.ts'

const [infoText, options, path] = process.argv.slice(2) as [string, string, string]
const info = JSON.parse(infoText) as { fds: number } & KernelInfo
const ledger = new Ledger(pino({ enabled: false }))
let isRefusing = false
const inherited = { fds: Array.from({ length: info.fds }, (_, i) => 3 + i), info }
const receiver = new EbpfReceiver(
  settingsOf({ id: 'ebpf', ledger, inherited }),
  schema.parse(JSON.parse(options)),
  {
    mutates: false,
    consume: (batch: FlowBatch) => {
      if (isRefusing) return retryable('not now')
      const rows = Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row))
      appendFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
      ledger.out += batch.rows
      return OK
    },
  },
)
process.on('SIGUSR2', () => {
  isRefusing = !isRefusing
})
process.on('SIGTERM', async () => {
  await receiver.shutdown()
  const notes = Object.fromEntries(ledger.notes)
  console.log(JSON.stringify({ ...ledger.entry(), held: receiver.held(), notes }))
  process.exit(0)
})
receiver.start(hostOf())
console.log('reads')
