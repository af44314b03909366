/** A selection for a test: the keys that it is about. */
import type { SelectionConfig, Selectors } from '../../receivers/ebpf/selectors.ts'

const NONE: Selectors = { netns: [], cgroup: [], ports: [], cidrs: [] }

export function selection(
  include: Partial<Selectors>,
  exclude: Partial<Selectors> = {},
): SelectionConfig {
  return { include: { ...NONE, ...include }, exclude: { ...NONE, ...exclude } }
}
