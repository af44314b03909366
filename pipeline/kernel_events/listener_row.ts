/** Makes a flow row of a listener record. */
import { KIND, ROLE } from '../flows/schema.ts'
import type { RowWriter } from '../requests/rows.ts'
import { commOf } from './comm.ts'
import { copyAddress } from './connection_row.ts'
import { u64 } from './connections.ts'
import { ListenerRecord } from './events.gen.ts'
import { type IdentifiedRecord, writeIdentity } from './identities.ts'

export function listenerRow(rows: RowWriter, { view, at, identities }: IdentifiedRecord): void {
  const row = rows.add()
  const { base, strings } = rows.batch
  const u32 = (field: number) => view.getUint32(at + field, true)
  base.kind[row] = KIND.listener
  base.state[row] = view.getUint8(at + ListenerRecord.state)
  base.role[row] = ROLE.server
  copyAddress(base.dst_address, row, view, at + ListenerRecord.local_addr)
  base.dst_port[row] = view.getUint16(at + ListenerRecord.local_port, true)
  base.pid[row] = u32(ListenerRecord.pid)
  base.comm[row] = strings.intern(commOf(view, at + ListenerRecord.comm))
  base.netns[row] = u32(ListenerRecord.netns)
  base.cgroup_id[2 * row] = u32(ListenerRecord.cgroup_id)
  base.cgroup_id[2 * row + 1] = u32(ListenerRecord.cgroup_id + 4)
  writeIdentity(rows, identities, row)
  rows.time(base.end, row, u64(view, at + ListenerRecord.time_ns))
  base.listen_drops[row] = u32(ListenerRecord.drops)
  base.listen_drops_delta[row] = u32(ListenerRecord.drops_since)
  base.synack_retries[row] = u32(ListenerRecord.synack_retries)
  base.synack_retries_delta[row] = u32(ListenerRecord.synack_retries_since)
  base.accept_queue[row] = u32(ListenerRecord.accept_queue)
  base.accept_queue_max[row] = u32(ListenerRecord.accept_queue_max)
  base.connect_us[row] = Number.NaN
  rows.noExchange(row)
}
