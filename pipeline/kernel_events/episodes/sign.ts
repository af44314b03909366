/** A sign of delay, jitter or loss, decoded from an eye_record in place. */
import { hex64, toNumber } from '../../u64.ts'
import { u64 } from '../connections.ts'
import { EyeRecord } from '../events.gen.ts'

export class Sign {
  /** Where the record stands: valid until the next is filled. */
  view: DataView = new DataView(new ArrayBuffer(0))
  at = 0
  /** A code of EPISODE_KIND. */
  kind = 0
  edge = ''
  flow = ''
  timeNs = 0
  sinceNs = 0
  /** Of the edge, all so far. */
  segments = 0
  losses = 0
  leastUs = 0

  fill(view: DataView, at: number): void {
    const u32 = (field: number) => view.getUint32(at + field, true)
    const id = (field: number) => hex64(u32(field), u32(field + 4))
    const wide = (field: number) => toNumber(u32(field), u32(field + 4))
    this.view = view
    this.at = at
    this.kind = view.getUint8(at + EyeRecord.sign)
    this.edge = id(EyeRecord.edge_id)
    this.flow = id(EyeRecord.flow_id)
    this.timeNs = u64(view, at + EyeRecord.time_ns)
    this.sinceNs = u64(view, at + EyeRecord.since_ns)
    this.segments = wide(EyeRecord.segs_out)
    this.losses = wide(EyeRecord.losses)
    this.leastUs = u32(EyeRecord.least_us)
  }

  /** A copy of the record, which stays. */
  record(): DataView {
    const from = this.view.byteOffset + this.at
    return new DataView(this.view.buffer.slice(from, from + EyeRecord.size))
  }
}
