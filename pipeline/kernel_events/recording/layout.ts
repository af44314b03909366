/**
 * What records look like: a name for the layout of bpf/events.h as this version has it. Of another
 * layout no field would be found where it is sought, so such a recording is refused.
 */
import { createHash } from 'node:crypto'
import {
  CgroupRecord,
  CLOSE_REASON,
  CONN_FLAG,
  CONN_ROLE,
  CONN_STATE,
  COUNTER,
  ConnFigures,
  ConnRecord,
  DatagramRecord,
  DIRECTION,
  EyeRecord,
  ListenerRecord,
  PAYLOAD_FLAG,
  PayloadRecord,
  ProcessRecord,
  RECORD_TYPE,
  UdpRecord,
} from '../events.gen.ts'

const RECORDS = {
  EyeRecord,
  ConnRecord,
  ConnFigures,
  ListenerRecord,
  PayloadRecord,
  UdpRecord,
  DatagramRecord,
  CgroupRecord,
  ProcessRecord,
}
const VALUES = {
  RECORD_TYPE,
  CONN_STATE,
  CONN_ROLE,
  CLOSE_REASON,
  DIRECTION,
  CONN_FLAG,
  PAYLOAD_FLAG,
  COUNTER,
}

export const LAYOUT = createHash('sha256')
  .update(JSON.stringify([RECORDS, VALUES]))
  .digest('hex')
  .slice(0, 16)

const SIZES: ReadonlyMap<number, number> = new Map([
  [RECORD_TYPE.RECORD_CONNECTION, ConnRecord.size],
  [RECORD_TYPE.RECORD_LISTENER, ListenerRecord.size],
  [RECORD_TYPE.RECORD_UDP, UdpRecord.size],
  [RECORD_TYPE.RECORD_EYE, EyeRecord.size],
  [RECORD_TYPE.RECORD_PAYLOAD, PayloadRecord.size],
  [RECORD_TYPE.RECORD_DATAGRAM, DatagramRecord.size],
  [RECORD_TYPE.RECORD_CGROUP, CgroupRecord.size],
  [RECORD_TYPE.RECORD_PROCESS, ProcessRecord.size],
])

/** How long a record of a type is, at least; undefined for a type that there is not. */
export function recordBytes(type: number): number | undefined {
  return SIZES.get(type)
}
