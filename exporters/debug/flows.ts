/** Flow rows as text: a line of counts, or a line a row. */
import { addressInUrl } from '../../pipeline/flows/address_text.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { familyOf } from '../../pipeline/flows/conventions/families.ts'
import { flowLog } from '../../pipeline/flows/json.ts'
import { CLOSE_REASONS, KIND, ROLES, STATE } from '../../pipeline/flows/schema.ts'
import { bytesText, clean, counted, durationText } from './text.ts'

const TARGET_MAX = 48

export function flowsBasic(batch: FlowBatch): string {
  const { kind } = batch.base
  let exchanges = 0
  let connections = 0
  for (let row = 0; row < batch.rows; row++) {
    if (kind[row] === KIND.exchange) exchanges++
    else if (kind[row] === KIND.connection) connections++
  }
  const both = `${counted(connections, 'connection')}, ${counted(exchanges, 'exchange')}`
  return `flows: ${counted(batch.rows, 'row')}: ${both}`
}

/** A line for each row that has ended: a connection or an exchange. */
export function flowsNormal(batch: FlowBatch): string {
  const { kind, state } = batch.base
  const lines: string[] = []
  for (let row = 0; row < batch.rows; row++) {
    if (state[row] !== STATE.closed) continue
    if (kind[row] === KIND.exchange) lines.push(exchangeText(batch, row))
    else if (kind[row] === KIND.connection) lines.push(connectionText(batch, row))
  }
  return lines.join('\n')
}

/** Every row as flow-log JSON, with all that is known. */
export function flowsDetailed(batch: FlowBatch): string {
  const line = flowLog(batch)
  return Array.from({ length: batch.rows }, (_, row) => line(row)).join('\n')
}

function exchangeText(batch: FlowBatch, row: number): string {
  const { base } = batch
  const protocol = batch.text(base.protocol, row)
  const request = [
    // HTTP is told by its methods.
    protocol.startsWith('http') ? '' : clean(protocol),
    // Every call is a POST.
    protocol === 'grpc' ? '' : clean(batch.text(base.method, row)),
    clean(batch.text(base.target, row), TARGET_MAX),
    clean(familyOf(protocol).result(batch, row)),
  ]
  return [
    `exchange    ${ends(batch, row)}`,
    request.filter((part) => part !== '').join(' ') || 'unknown',
    durationText((base.duration_us[row] as number) * 1000),
    traffic(base.request_bytes[row] as number, base.response_bytes[row] as number),
    process(batch, row),
  ].join('  ')
}

function connectionText(batch: FlowBatch, row: number): string {
  const { base } = batch
  const parts = [
    `connection  ${ends(batch, row)}`,
    CLOSE_REASONS[base.close_reason[row] as number] ?? '',
    traffic(base.bytes_sent[row] as number, base.bytes_received[row] as number),
  ]
  const srttUs = base.srtt_us[row] as number
  if (srttUs > 0) parts.push(`rtt ${durationText(srttUs * 1000)}`)
  parts.push(`${base.retransmits[row]} retransmitted`, process(batch, row))
  return parts.join('  ')
}

/** `client  shop-1 10.1.1.1:43210 → api 10.1.2.3:80`: the names only where they are known. */
function ends(batch: FlowBatch, row: number): string {
  const { base, k8s } = batch
  const src = `${addressInUrl(base.src_address, row)}:${base.src_port[row]}`
  const dst = `${addressInUrl(base.dst_address, row)}:${base.dst_port[row]}`
  const srcName = k8s === undefined ? '' : clean(batch.text(k8s.src_service_name, row))
  const dstName = k8s === undefined ? '' : clean(batch.text(k8s.dst_service_name, row))
  const role = (ROLES[base.role[row] as number] ?? '').padEnd(6)
  return `${role}  ${`${srcName} ${src}`.trim()} → ${`${dstName} ${dst}`.trim()}`
}

/** Sent and received, or request and response. */
function traffic(out: number, back: number): string {
  return `↑ ${bytesText(out)} ↓ ${bytesText(back)}`
}

function process(batch: FlowBatch, row: number): string {
  const { comm, pid } = batch.base
  const name = clean(batch.text(comm, row))
  return pid[row] === 0 ? name : `${name}[${pid[row]}]`
}
