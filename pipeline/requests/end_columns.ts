/**
 * The columns of an exchange's row that say which end of which connection it is of.
 *
 * They are the same for most rows of a connection, so a batch's first row has them from the
 * connection, and the others, once all rows are there, from that row, which is their first:
 * pipeline/flows/first_rows.ts.
 */
import type { FlowBatch } from '../flows/batch.ts'
import {
  repeatAddresses,
  repeatBytes,
  repeatDoubles,
  repeatPairs,
  repeatShorts,
  repeatWords,
} from '../flows/first_rows.ts'
import type { Exchange } from './exchange.ts'
import type { Identity } from './identity.ts'

/** The last row that has an end's columns from its connection, kept with the connection. */
export interface WrittenEnd {
  /** Of the batch's strings. */
  serial: number
  row: number
  /** What of the row may have become another since. */
  flowLo: number
  flowHi: number
  idLocal: boolean
  pid: number
  comm: string
  identity: Identity | undefined
  connectUs: number
  /** What was written of its last exchange that most are alike in, and where its texts stand. */
  protocol: string
  version: string
  host: string
  protocolAt: number
  versionAt: number
  hostAt: number
}

/**
 * Writes them, or notes which row has them: `repeatEnds` is to be called when all rows are there.
 */
export function writeEnd(batch: FlowBatch, row: number, exchange: Exchange): WrittenEnd {
  const { written } = exchange.connection
  if (written !== undefined && written.serial === batch.strings.serial && isOf(written, exchange)) {
    batch.firstOf[row] = written.row
    return written
  }
  writeFirst(batch, row, exchange)
  return noteFirst(batch.strings.serial, row, exchange)
}

/** Whether a row says what the exchange's would: of what is not fixed with its connection. */
function isOf(written: WrittenEnd, exchange: Exchange): boolean {
  const { connection } = exchange
  return (
    written.flowLo === exchange.flowLo &&
    written.flowHi === exchange.flowHi &&
    written.idLocal === exchange.idLocal &&
    written.pid === connection.pid &&
    written.comm === connection.comm &&
    written.identity === connection.identity &&
    (written.connectUs === connection.connectUs ||
      (Number.isNaN(written.connectUs) && Number.isNaN(connection.connectUs)))
  )
}

function noteFirst(serial: number, row: number, exchange: Exchange): WrittenEnd {
  const { connection } = exchange
  let { written } = connection
  if (written === undefined) {
    written = newEnd()
    connection.written = written
  }
  if (written.serial !== serial) {
    written.serial = serial
    written.protocol = written.version = written.host = ''
    written.protocolAt = written.versionAt = written.hostAt = 0
  }
  written.row = row
  written.flowLo = exchange.flowLo
  written.flowHi = exchange.flowHi
  written.idLocal = exchange.idLocal
  written.pid = connection.pid
  written.comm = connection.comm
  written.identity = connection.identity
  written.connectUs = connection.connectUs
  return written
}

/** Of no batch: serials begin at 1. */
function newEnd(): WrittenEnd {
  return {
    serial: 0,
    row: 0,
    flowLo: 0,
    flowHi: 0,
    idLocal: false,
    pid: 0,
    comm: '',
    identity: undefined,
    connectUs: Number.NaN,
    protocol: '',
    version: '',
    host: '',
    protocolAt: 0,
    versionAt: 0,
    hostAt: 0,
  }
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

/**
 * Gives the rows that are not first what their firsts have. Column by column: a dozen loops over
 * what is near each other cost a third of a dozen columns visited with each row.
 */
export function repeatEnds({ base, firstOf, rows }: FlowBatch): void {
  const firsts = firstOf.subarray(0, rows)
  repeatBytes(base.role, firsts)
  repeatBytes(base.transport, firsts)
  repeatBytes(base.flow_id_local, firsts)
  repeatShorts(base.src_port, firsts)
  repeatShorts(base.dst_port, firsts)
  repeatWords(base.pid, firsts)
  repeatWords(base.comm, firsts)
  repeatWords(base.netns, firsts)
  repeatWords(base.executable, firsts)
  repeatWords(base.container_id, firsts)
  repeatWords(base.pod_uid, firsts)
  repeatWords(base.systemd_unit, firsts)
  repeatPairs(base.flow_id, firsts)
  repeatPairs(base.cgroup_id, firsts)
  repeatDoubles(base.connect_us, firsts)
  repeatAddresses(base.src_address, firsts)
  repeatAddresses(base.dst_address, firsts)
}
