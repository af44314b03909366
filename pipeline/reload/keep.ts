/**
 * What of a running service stays when its configuration is exchanged.
 *
 * An instance stays where its section is the same as before, or where the component can take the
 * new one over as it runs (`reconfigure`), if every extension that it has asked for stays too.
 * Everything else is made anew.
 */
import { isDeepStrictEqual } from 'node:util'
import { KINDS, type Kind } from '../component.ts'
import type { ComponentConfig, Components, Config } from '../config/config.ts'
import { keyOf, type Node, type Place } from '../graph/node.ts'

export interface Kept {
  /** The instance that stays at a place, undefined: a new one is needed. */
  at(place: Place): Node | undefined
  /** Whether it stays, and as it is. */
  has(node: Node): boolean
  /** Makes the new configuration take effect for one that stays. Does not fail. */
  apply(node: Node): void
}

/** What stands in a configuration that is not kept: nothing. */
export const NOTHING_KEPT: Kept = { at: () => undefined, has: () => false, apply: () => {} }

export function decideKept(running: readonly Node[], wanted: Config): Kept {
  const changes = new Map<Node, () => void>()
  const stay = new Set(running.filter((node) => canStay(node, wanted, changes)))
  const extensions = running.filter(({ kind }) => kind === 'extension')
  // An extension that goes takes with it those that use it, and these may be extensions themselves.
  for (let size = -1; size !== stay.size; ) {
    size = stay.size
    for (const node of stay)
      if (!hasItsExtensions(node, { stay, extensions, wanted })) stay.delete(node)
  }
  const byKey = new Map([...stay].map((node) => [keyOf(node), node]))
  return {
    at: (place) => byKey.get(keyOf(place)),
    has: (node) => stay.has(node),
    apply: (node) => changes.get(node)?.(),
  }
}

/** Throws what `reconfigure` throws. */
function canStay(node: Node, wanted: Config, changes: Map<Node, () => void>): boolean {
  const of = sectionOf(node, wanted.components)
  if (of === undefined || of.factory !== node.of.factory) return false
  const changed = of.config !== node.of.config
  const change = changed ? node.component.reconfigure?.(of.config) : () => {}
  if (change === undefined) return false
  changes.set(node, () => {
    change()
    node.of = of
  })
  return true
}

function sectionOf({ kind, id }: Place, components: Components): ComponentConfig | undefined {
  return components[kind].get(id)
}

function hasItsExtensions(
  { asked }: Node,
  among: { stay: ReadonlySet<Node>; extensions: readonly Node[]; wanted: Config },
): boolean {
  for (const [id, given] of asked) {
    const wanted = among.wanted.extensions.includes(id)
    if (given === undefined && wanted) return false
    const node = among.extensions.find(({ component }) => component === given)
    if (given !== undefined && (!wanted || node === undefined || !among.stay.has(node)))
      return false
  }
  return true
}

/**
 * The configuration with every section that is equal to what runs replaced by that very object:
 * components of one id may share by it what they have in common, and equality is identity then.
 */
export function withSame(wanted: Config, running: Config): Config {
  const components = Object.fromEntries(
    KINDS.map((kind) => [kind, withSameOf(kind, wanted, running)]),
  ) as unknown as Components
  return { ...wanted, components }
}

function withSameOf(kind: Kind, wanted: Config, running: Config): Map<string, ComponentConfig> {
  return new Map(
    [...wanted.components[kind]].map(([id, of]): [string, ComponentConfig] => {
      const before = running.components[kind].get(id)
      const same = before?.factory === of.factory && isDeepStrictEqual(before.config, of.config)
      return [id, same ? { ...of, config: before.config } : of]
    }),
  )
}
