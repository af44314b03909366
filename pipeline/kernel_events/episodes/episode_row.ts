/** Makes a flow row of an episode. */
import { KIND, ROLE, STATE } from '../../flows/schema.ts'
import type { RowWriter } from '../../requests/rows.ts'
import { commOf } from '../comm.ts'
import { copyAddress } from '../connection_row.ts'
import { CONN_FLAG, EyeRecord } from '../events.gen.ts'
import { type Identities, writeIdentity } from '../identities.ts'
import type { Episode } from './episode.ts'

export interface EpisodeRow {
  readonly episode: Episode
  readonly state: number
  readonly identities: Identities
}

/** Without the client's port: an edge has many. */
export function episodeRow(rows: RowWriter, { episode, state, identities }: EpisodeRow): void {
  const row = rows.add()
  const { base, strings } = rows.batch
  const view = episode.record
  const u32 = (field: number) => view.getUint32(field, true)
  const id = (column: Uint32Array, field: number) => {
    column[2 * row] = u32(field)
    column[2 * row + 1] = u32(field + 4)
  }
  const role = view.getUint8(EyeRecord.role)
  const isClient = role === ROLE.client
  base.kind[row] = KIND.episode
  base.state[row] = state
  base.role[row] = role
  id(base.flow_id, EyeRecord.flow_id)
  base.flow_id_local[row] = view.getUint8(EyeRecord.flags) & CONN_FLAG.CONN_ID_LOCAL ? 1 : 0
  const { local_addr: local, remote_addr: remote } = EyeRecord
  copyAddress(base.src_address, row, view, isClient ? local : remote)
  copyAddress(base.dst_address, row, view, isClient ? remote : local)
  const serverPort = isClient ? EyeRecord.remote_port : EyeRecord.local_port
  base.dst_port[row] = view.getUint16(serverPort, true)
  base.pid[row] = u32(EyeRecord.pid)
  base.comm[row] = strings.intern(commOf(view, EyeRecord.comm))
  base.netns[row] = u32(EyeRecord.netns)
  id(base.cgroup_id, EyeRecord.cgroup_id)
  writeIdentity(rows, identities, row)
  rows.time(base.start, row, episode.startNs)
  if (state !== STATE.open) rows.time(base.end, row, episode.lastNs)
  base.srtt_us[row] = u32(EyeRecord.srtt_us)
  base.min_rtt_us[row] = u32(EyeRecord.min_rtt_us)
  base.episode_kind[row] = episode.kind
  // An edge has one episode of a kind at a time, so the edge and the begin name it.
  base.episode_id[2 * row] = (u32(EyeRecord.edge_id) ^ u32(EyeRecord.time_ns)) >>> 0
  base.episode_id[2 * row + 1] = (u32(EyeRecord.edge_id + 4) ^ episode.kind) >>> 0
  base.worst_us[row] = episode.worstUs
  base.worst_loss[row] = episode.worstLoss
  base.flows[row] = episode.flows
  base.flow_ids[row] = strings.intern(episode.flowIds)
  base.connect_us[row] = Number.NaN
  rows.noExchange(row)
}
