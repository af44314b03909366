/**
 * Keeps the kernel's rules as the configuration wants them: finds out what names stand for, and
 * looks again, as a namespace or a cgroup may come later, or be made anew under the same name.
 */
import { statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { SELECTION_BIT } from '../../pipeline/kernel_events/events.gen.ts'
import { cgroupRoot } from './cgroup.ts'
import type { BpfObject } from './libbpf.ts'
import {
  type Entry,
  erase,
  type Names,
  type RuleSet,
  ruleBits,
  ruleEntries,
  turnTo,
  write,
} from './rules.ts'
import type { SelectionConfig } from './selectors.ts'

const LOOK_INTERVAL_MS = 1000
/**
 * How long after a change a connection without a file may still be met as it is used: one that
 * waited for accept(), or was on its way to another process.
 */
const MEET_MS = 60_000
/** `ip netns` keeps them there; the second is where a container may have it mounted. */
const NETNS_FOLDERS = ['/run/netns', '/var/run/netns']
/** linux/magic.h. `ip netns add` makes an empty file first. */
const NSFS_MAGIC = 0x6e736673

const KIND = { netns: 'network namespace', cgroup: 'cgroup' } as const

export interface SelectionSettings {
  readonly logger: Pick<Logger, 'warn' | 'error'>
  /** Other connections are wanted from now on, open ones too. */
  changed(): void
}

export class Selection {
  readonly #object: BpfObject
  readonly #settings: SelectionSettings
  readonly #missing = new Set<string>()
  #config: SelectionConfig
  #names: Names = { netns: new Map(), cgroup: new Map() }
  #set: RuleSet = 0
  #change = 0
  #entries: readonly Entry[]
  #look: NodeJS.Timeout | undefined
  #meet: NodeJS.Timeout | undefined

  /** Of an object for which `select` has written that configuration. */
  constructor(object: BpfObject, config: SelectionConfig, settings: SelectionSettings) {
    this.#object = object
    this.#settings = settings
    this.#config = config
    this.#names = namesOf(config)
    this.#entries = ruleEntries(config, this.#names, 0)
    this.#put()
    this.#schedule()
  }

  /** Takes effect at once; one that cannot leaves all as it is, and says so. */
  reconfigure(config: SelectionConfig): void {
    if (isDeepStrictEqual(config, this.#config)) return
    this.#config = config
    this.#names = namesOf(config)
    this.#missing.clear()
    this.#change += 1
    if (this.#put()) this.#settings.changed()
    this.#schedule()
  }

  /** Safe twice. */
  close(): void {
    clearInterval(this.#look)
    clearTimeout(this.#meet)
  }

  #schedule(): void {
    clearInterval(this.#look)
    const { include, exclude } = this.#config
    const named = [include.netns, include.cgroup, exclude.netns, exclude.cgroup]
    if (named.every(({ length }) => length === 0)) return
    this.#look = setInterval(() => this.#lookAgain(), LOOK_INTERVAL_MS).unref()
  }

  #lookAgain(): void {
    const names = namesOf(this.#config)
    if (isDeepStrictEqual(names, this.#names)) return
    this.#names = names
    this.#change += 1
    if (this.#put()) this.#settings.changed()
  }

  /** Fills the other set and turns to it. */
  #put(): boolean {
    this.#tellMissing()
    const set = this.#set === 0 ? 1 : 0
    const entries = ruleEntries(this.#config, this.#names, set)
    const bits = ruleBits(this.#config)
    const change = this.#change
    try {
      write(this.#object, entries)
      turnTo(this.#object, { set, bits: bits | SELECTION_BIT.SELECT_MEETS, change })
    } catch (error) {
      erase(this.#object, entries)
      this.#settings.logger.error(
        { error: (error as Error).message },
        'Cannot select other connections; those that were selected stay',
      )
      return false
    }
    erase(this.#object, this.#entries)
    this.#entries = entries
    this.#set = set
    clearTimeout(this.#meet)
    this.#meet = setTimeout(() => turnTo(this.#object, { set, bits, change }), MEET_MS).unref()
    return true
  }

  #tellMissing(): void {
    for (const key of ['netns', 'cgroup'] as const) {
      const wanted = [...this.#config.include[key], ...this.#config.exclude[key]]
      for (const name of new Set(wanted)) {
        const id = `${key} ${name}`
        if (this.#names[key].has(name)) {
          this.#missing.delete(id)
        } else if (!this.#missing.has(id)) {
          this.#missing.add(id)
          const interval = `${LOOK_INTERVAL_MS / 1000} s`
          this.#settings.logger.warn(
            { [key]: name },
            `Cannot find the ${KIND[key]} "${name}" of the selection; looking again every ${interval}`,
          )
        }
      }
    }
  }
}

/** For an object that was just loaded, before anything is attached. */
export function select(object: BpfObject, config: SelectionConfig): void {
  write(object, ruleEntries(config, namesOf(config), 0))
  turnTo(object, { set: 0, bits: ruleBits(config), change: 0 })
}

function namesOf({ include, exclude }: SelectionConfig): Names {
  const root = cgroupRoot()
  return {
    netns: found([...include.netns, ...exclude.netns], netnsInode),
    cgroup: found([...include.cgroup, ...exclude.cgroup], (path) => cgroupId(path, root)),
  }
}

function found(
  names: readonly string[],
  find: (name: string) => bigint | undefined,
): Map<string, bigint> {
  const ids = names.map((name) => [name, find(name)] as const)
  return new Map(ids.filter((pair): pair is [string, bigint] => pair[1] !== undefined))
}

/** What was written in digits is an inode itself. */
function netnsInode(name: string): bigint | undefined {
  if (/^\d+$/.test(name)) return BigInt(name)
  const paths = name.startsWith('/') ? [name] : NETNS_FOLDERS.map((folder) => join(folder, name))
  for (const path of paths) {
    try {
      if (statfsSync(path).type === NSFS_MAGIC) return BigInt(statSync(path).ino)
    } catch {
      // Not there, or not yet.
    }
  }
  return undefined
}

/** The kernel's id of a cgroup is its folder's inode. */
function cgroupId(path: string, root: string | undefined): bigint | undefined {
  if (root === undefined) return undefined
  const inside = `${path}/`.startsWith(`${root}/`) ? path.slice(root.length) : path
  try {
    return statSync(join(root, inside), { bigint: true }).ino
  } catch {
    return undefined
  }
}
