/** The names of enum skb_drop_reason, which differ between kernels, as the running one has them. */
import { kernelEnum } from './libbpf.ts'

const PREFIX = 'SKB_DROP_REASON_'

/** By value, without the prefix that all but the first few have; '' where there is none. */
export function dropReasons(): string[] {
  const names: string[] = []
  for (const [name, value] of kernelEnum('skb_drop_reason')) {
    // Values of other subsystems begin at 65536, and SKB_DROP_REASON_MAX is none.
    if (value < 65_536 && !/(?:_MAX|_MASK)$/.test(name)) names[value] = name.replace(PREFIX, '')
  }
  return Array.from(names, (name) => name ?? '')
}
