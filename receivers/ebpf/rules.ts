/**
 * Makes the kernel's rules (bpf/selection_rules.h) of what a user wrote, and writes them. A set is
 * filled beside the one that is in force; one word then turns to it, so no connection is ever
 * decided by half of the rules.
 */
import {
  CidrRule,
  NamedRule,
  SELECTION_BIT,
  SELECTION_LIMIT,
  SELECTION_LIST,
} from '../../pipeline/kernel_events/events.gen.ts'
import type { BpfObject } from './libbpf.ts'
import { type Cidr, parseCidr, parsePorts, type SelectionConfig } from './selectors.ts'

const WORD = '.data.selection'
const { SELECT_NETNS, SELECT_CGROUP, SELECT_PORTS, SELECT_CIDRS, SELECT_SET } = SELECTION_BIT
const { SELECT_EXCLUDE, SELECT_CHANGE, PORT_WORDS } = SELECTION_LIMIT
const KEYS = [
  ['netns', SELECT_NETNS],
  ['cgroup', SELECT_CGROUP],
  ['ports', SELECT_PORTS],
  ['cidrs', SELECT_CIDRS],
] as const
const LISTS = [
  ['include', SELECTION_LIST.LIST_INCLUDE],
  ['exclude', SELECTION_LIST.LIST_EXCLUDE],
] as const
export type RuleSet = 0 | 1

/** What names stand for, by what was written; a name that stands for nothing yet is not there. */
export interface Names {
  readonly netns: ReadonlyMap<string, bigint>
  readonly cgroup: ReadonlyMap<string, bigint>
}

export interface Entry {
  readonly map: 'named_rules' | 'cidr_rules' | 'port_rules'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** The word that says which keys have rules; without the set. A name not found yet is a rule. */
export function ruleBits(config: SelectionConfig): number {
  let bits = 0
  for (const [key, bit] of KEYS) {
    if (config.include[key].length > 0) bits |= bit
    if (config.exclude[key].length > 0) bits |= bit << SELECT_EXCLUDE
  }
  return bits
}

export function ruleEntries(config: SelectionConfig, names: Names, set: RuleSet): Entry[] {
  return [
    ...namedEntries(config, { names: names.netns, key: 'netns', set }),
    ...namedEntries(config, { names: names.cgroup, key: 'cgroup', set }),
    ...cidrEntries(config, set),
    ...portEntries(config, set),
  ]
}

export interface Turn {
  readonly set: RuleSet
  /** As of `ruleBits`; SELECT_MEETS. */
  readonly bits: number
  /** Counts changes, so that what is asked about once a flow can be asked about again. */
  readonly change: number
}

/** From here on the programs decide by that set. */
export function turnTo(object: BpfObject, { set, bits, change }: Turn): void {
  const word = bits | (set === 1 ? SELECT_SET : 0) | (change << SELECT_CHANGE)
  object.updateElem(WORD, u32(0), u32(word))
}

export function write(object: BpfObject, entries: readonly Entry[]): void {
  for (const { map, key, value } of entries) object.updateElem(map, key, value)
}

/** What is not in force any more; words of an array stay, as 0. */
export function erase(object: BpfObject, entries: readonly Entry[]): void {
  for (const { map, key, value } of entries) {
    if (map === 'port_rules') object.updateElem(map, key, new Uint8Array(value.length))
    else object.deleteElem(map, key)
  }
}

function namedEntries(
  config: SelectionConfig,
  { names, key, set }: { names: ReadonlyMap<string, bigint>; key: keyof Names; set: RuleSet },
): Entry[] {
  const lists = new Map<bigint, number>()
  for (const [list, bit] of LISTS) {
    for (const name of config[list][key]) {
      const value = names.get(name)
      if (value !== undefined) lists.set(value, (lists.get(value) ?? 0) | bit)
    }
  }
  return [...lists].map(([value, bits]) => {
    const bytes = new Uint8Array(NamedRule.size)
    const view = new DataView(bytes.buffer)
    view.setUint32(NamedRule.set, set, true)
    view.setUint32(NamedRule.key, key === 'netns' ? SELECT_NETNS : SELECT_CGROUP, true)
    view.setBigUint64(NamedRule.value, value, true)
    return { map: 'named_rules', key: bytes, value: u32(bits) }
  })
}

/** Of prefixes that contain an address the kernel finds the longest: it speaks for the others. */
function cidrEntries(config: SelectionConfig, set: RuleSet): Entry[] {
  const rules = new Map<string, { cidr: Cidr; bits: number }>()
  for (const [list, bit] of LISTS) {
    for (const text of config[list].cidrs) {
      const cidr = parseCidr(text)
      if (cidr === undefined) continue
      const name = `${Buffer.from(cidr.address).toString('hex')}/${cidr.prefix}`
      rules.set(name, { cidr, bits: (rules.get(name)?.bits ?? 0) | bit })
    }
  }
  const all = [...rules.values()]
  return all.map(({ cidr }) => {
    const bits = all.reduce((sum, other) => sum | (contains(other.cidr, cidr) ? other.bits : 0), 0)
    const key = new Uint8Array(CidrRule.size)
    const view = new DataView(key.buffer)
    view.setUint32(CidrRule.prefixlen, 32 + cidr.prefix, true)
    view.setUint32(CidrRule.set, set, true)
    key.set(cidr.address, CidrRule.addr)
    return { map: 'cidr_rules', key, value: u32(bits) }
  })
}

function contains(outer: Cidr, inner: Cidr): boolean {
  if (outer.prefix > inner.prefix) return false
  for (let bit = 0; bit < outer.prefix; bit += 8) {
    const mask = 0xff00 >> Math.min(outer.prefix - bit, 8)
    const at = bit / 8
    if (((outer.address[at] as number) ^ (inner.address[at] as number)) & mask & 0xff) return false
  }
  return true
}

/** Words that have a port; the others of a set are 0 when nothing is in it. */
function portEntries(config: SelectionConfig, set: RuleSet): Entry[] {
  return LISTS.flatMap(([list], i) => {
    const words = new BigUint64Array(PORT_WORDS)
    for (const text of config[list].ports) {
      const { first, last } = parsePorts(text) ?? { first: 1, last: 0 }
      for (let port = first; port <= last; port++) {
        const at = port >> 6
        words[at] = (words[at] as bigint) | (1n << BigInt(port & 63))
      }
    }
    const base = (2 * set + i) * PORT_WORDS
    return [...words.entries()]
      .filter(([, word]) => word !== 0n)
      .map(([at, word]): Entry => {
        const value = new Uint8Array(BigUint64Array.of(word).buffer)
        return { map: 'port_rules', key: u32(base + at), value }
      })
  })
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}
