/** The receiver's own metric: what it can see. A host that sees less shows in a dashboard. */
import type { ObservableResult } from '@opentelemetry/api'
import type { Settings } from '../../pipeline/component.ts'
import type { KernelInfo } from './capabilities.ts'

/** Measures until the function that it answers with is called. */
export function measure({ id, meter }: Settings, { capabilities }: KernelInfo): () => void {
  const gauge = meter.createObservableGauge('flowspan_receiver_capability', {
    description: 'Signals of the kernel: 1 is seen by this hook, 0 is off or unavailable',
    unit: '{signals}',
  })
  const observe = (result: ObservableResult) => {
    for (const { signal, state, hook } of capabilities) {
      result.observe(state === 'active' ? 1 : 0, { receiver: id, signal, state, hook })
    }
  }
  gauge.addCallback(observe)
  return () => gauge.removeCallback(observe)
}
