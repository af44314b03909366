/**
 * The columns of an exchange's row that say which end of which connection it is of.
 *
 * They are the same for most rows of a connection, so a batch's first row has them from the
 * connection and the others from that row, which is their first: pipeline/flows/first_rows.ts.
 */
import type { Columns, FlowBatch } from '../flows/batch.ts'
import type { Exchange } from './exchange.ts'
import type { Identity } from './identity.ts'

/** The last row that has an end's columns from its connection, kept with the connection. */
export interface WrittenEnd {
  /** Of the batch's strings. */
  serial: number
  row: number
  /** What of it may have become known since, beside what the columns hold as numbers. */
  comm: string
  identity: Identity | undefined
}

export function writeEnd(batch: FlowBatch, row: number, exchange: Exchange): void {
  const { connection } = exchange
  const { written } = connection
  const { serial } = batch.strings
  if (written !== undefined && written.serial === serial && isOf(batch.base, written, exchange)) {
    copyEnd(batch.base, written.row, row)
    batch.firstOf[row] = written.row
    return
  }
  writeFirst(batch, row, exchange)
  const { comm, identity } = connection
  if (written === undefined) {
    connection.written = { serial, row, comm, identity }
  } else {
    written.serial = serial
    written.row = row
    written.comm = comm
    written.identity = identity
  }
}

/** Whether a row says what the exchange's would: of what is not fixed with its connection. */
function isOf(base: Columns<'base'>, written: WrittenEnd, exchange: Exchange): boolean {
  const { connection } = exchange
  const { row } = written
  const connectUs = base.connect_us[row] as number
  return (
    base.flow_id[2 * row] === exchange.flowLo &&
    base.flow_id[2 * row + 1] === exchange.flowHi &&
    base.flow_id_local[row] === (exchange.idLocal ? 1 : 0) &&
    base.pid[row] === connection.pid &&
    written.comm === connection.comm &&
    written.identity === connection.identity &&
    (connectUs === connection.connectUs ||
      (Number.isNaN(connectUs) && Number.isNaN(connection.connectUs)))
  )
}

function writeFirst(batch: FlowBatch, row: number, exchange: Exchange): void {
  const { base, strings } = batch
  const { connection } = exchange
  base.role[row] = connection.role
  base.transport[row] = connection.transport
  base.flow_id[2 * row] = exchange.flowLo
  base.flow_id[2 * row + 1] = exchange.flowHi
  base.flow_id_local[row] = exchange.idLocal ? 1 : 0
  base.src_address.set(connection.srcAddress, 16 * row)
  base.dst_address.set(connection.dstAddress, 16 * row)
  base.src_port[row] = connection.srcPort
  base.dst_port[row] = connection.dstPort
  base.pid[row] = connection.pid
  base.comm[row] = strings.intern(connection.comm)
  base.netns[row] = connection.netns
  base.cgroup_id[2 * row] = connection.cgroupLo
  base.cgroup_id[2 * row + 1] = connection.cgroupHi
  connection.identity?.write(batch, row)
  base.connect_us[row] = connection.connectUs
}

function copyEnd(base: Columns<'base'>, first: number, row: number): void {
  base.role[row] = base.role[first] as number
  base.transport[row] = base.transport[first] as number
  copyPair(base.flow_id, first, row)
  base.flow_id_local[row] = base.flow_id_local[first] as number
  copyAddress(base.src_address, first, row)
  copyAddress(base.dst_address, first, row)
  base.src_port[row] = base.src_port[first] as number
  base.dst_port[row] = base.dst_port[first] as number
  base.pid[row] = base.pid[first] as number
  base.comm[row] = base.comm[first] as number
  base.netns[row] = base.netns[first] as number
  copyPair(base.cgroup_id, first, row)
  base.executable[row] = base.executable[first] as number
  base.container_id[row] = base.container_id[first] as number
  base.pod_uid[row] = base.pod_uid[first] as number
  base.systemd_unit[row] = base.systemd_unit[first] as number
  base.connect_us[row] = base.connect_us[first] as number
}

function copyPair(column: Uint32Array, first: number, row: number): void {
  column[2 * row] = column[2 * first] as number
  column[2 * row + 1] = column[2 * first + 1] as number
}

/** Faster than `copyWithin`, which is a call out of compiled code. */
function copyAddress(column: Uint8Array, first: number, row: number): void {
  for (let i = 0; i < 16; i++) column[16 * row + i] = column[16 * first + i] as number
}
