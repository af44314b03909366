/**
 * The packets that this host's kernel dropped, by reason: those of connections, and those that no
 * connection is known of (forwarded, filtered before their socket was looked for, other protocols).
 */
import type { ObservableResult } from '@opentelemetry/api'
import type { Settings } from '../../pipeline/component.ts'
import { COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import type { Counters } from './counters.ts'

/** Measures until the function that it answers with is called. */
export function measureDrops(
  { id, meter }: Settings,
  { counters, reasons }: { counters: Counters; reasons: readonly string[] },
): () => void {
  const counter = meter.createObservableCounter('flowspan_receiver_packet_drops', {
    description: 'Packets that the kernel dropped on this host, by its skb_drop_reason',
    unit: '{packets}',
  })
  const observe = (result: ObservableResult) => {
    for (let at = COUNTER.COUNTER_DROPS; at <= COUNTER.COUNTER_DROPS_OTHER; at++) {
      const drops = counters.read(at)
      if (drops === 0) continue
      const reason = reasons[at - COUNTER.COUNTER_DROPS] || 'OTHER'
      result.observe(drops, { receiver: id, reason })
    }
  }
  counter.addCallback(observe)
  return () => counter.removeCallback(observe)
}
