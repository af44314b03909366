/** Rows as an agent sends them: HTTP requests between two pods, with names of both ends. */
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { Origin } from '../../../../pipeline/flows/origin.ts'
import { KIND, LINK_METHOD, ROLE, STATE } from '../../../../pipeline/flows/schema.ts'

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

export function exchangeRows(
  rows: number,
  origin = new Origin({ id: 'machine', name: 'worker-1', node: 'node-1' }),
): FlowBatch {
  const batch = new FlowBatch(rows)
  const { base, strings } = batch
  const k8s = batch.add('k8s')
  const stitch = batch.add('stitch')
  for (let i = 0; i < rows; i++) {
    const row = batch.addRow()
    base.kind[row] = KIND.exchange
    base.state[row] = STATE.closed
    base.role[row] = row % 2 === 0 ? ROLE.client : ROLE.server
    base.flow_id.set([0x89abcdef + row, 0x01234567], 2 * row)
    base.src_address.set([...MAPPED, 10, 1, 1, 1], 16 * row)
    base.dst_address.set([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 16 * row)
    base.src_port[row] = 40_000 + row
    base.dst_port[row] = 80
    base.pid[row] = 77
    base.comm[row] = strings.intern('nginx')
    base.netns[row] = 4_026_531_840
    base.cgroup_id.set([1, 0x8000_0000], 2 * row)
    base.start.set([1, 0x18000000], 2 * row)
    base.end.set([1_500_001, 0x18000000], 2 * row)
    base.duration_us[row] = 1500.25
    base.ttfb_us[row] = Number.NaN
    base.protocol[row] = strings.intern('http')
    base.method[row] = strings.intern('GET')
    base.target[row] = strings.intern(`/orders/${row}`)
    base.status[row] = 200
    base.request_bytes[row] = 120
    base.cause_offset[row] = 0
    base.cause_flow_id.set([5, row], 2 * row)
    base.cause_method[row] = LINK_METHOD.thread
    base.cause_confidence[row] = 0.9
    k8s.dst_k8s_pod[row] = strings.intern('orders-1')
    k8s.dst_service_name[row] = strings.intern('orders')
    stitch.trace_id.set([4, 3, 2, 1 + row], 4 * row)
    stitch.span_id.set([2, 1 + row], 2 * row)
    stitch.parent_span_id.set([9, 8], 2 * row)
  }
  origin.stamp(batch)
  return batch
}
