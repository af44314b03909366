/** What a user may write of which connections are wanted, and what that means in numbers. */
import { z } from 'zod'
import { WRITTEN } from '../../pipeline/config/json_schema.ts'
import { parseAddress } from '../../pipeline/flows/address_parse.ts'

/** One list may have so many rules of a kind: both lists fit into the kernel's maps twice. */
export const NAMES_MAX = 256
export const CIDRS_MAX = 1024
const PORTS_MAX = 1024
/** As deep as the kernel programs look: enum selection_limit, CGROUP_LEVELS, with the root. */
const CGROUP_DEPTH_MAX = 15

export interface Cidr {
  /** 16 bytes, IPv4 as `::ffff:a.b.c.d`; bits beyond the prefix are 0. */
  readonly address: Uint8Array
  /** 0 to 128. */
  readonly prefix: number
}

export interface PortRange {
  readonly first: number
  readonly last: number
}

/** A name in /run/netns, a path, or an inode in decimal. */
function netnsProblem(text: string): string | undefined {
  if (/^\/[^\0]+$/.test(text) || (/^[^/\0]+$/.test(text) && text !== '.' && text !== '..')) {
    return undefined
  }
  return 'Must be a name in /run/netns, a path such as /proc/1/ns/net, or an inode'
}

function cgroupProblem(text: string): string | undefined {
  const parts = text.split('/').filter((part) => part !== '')
  if (text === '' || parts.some((part) => part === '..' || part === '.' || part.includes('*'))) {
    return 'Must be a path in the cgroup v2 tree, such as /kubepods.slice, without "..", "." and "*"'
  }
  if (parts.length <= CGROUP_DEPTH_MAX) return undefined
  return `Must be at most ${CGROUP_DEPTH_MAX} levels deep: it is ${parts.length}`
}

/** `8080` or `9000-9100`; undefined: neither. */
export function parsePorts(text: string): PortRange | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const [first, last] = [Number(from), Number(to)]
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined
}

/** `10.0.0.0/8`, `fd00::/8`, or an address alone; undefined: none of them. */
export function parseCidr(text: string): Cidr | undefined {
  const [, host, length] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = host === undefined ? undefined : parseAddress(host)
  if (address === undefined) return undefined
  const bits = host?.includes(':') ? 128 : 32
  const prefix = 128 - bits + Number(length ?? bits)
  if (prefix > 128) return undefined
  return { address: masked(address, prefix), prefix }
}

function masked(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, i) => byte & (0xff00 >> Math.min(Math.max(prefix - 8 * i, 0), 8)))
}

interface ListOptions {
  readonly max: number
  readonly json: object
  /** Why it cannot be, or undefined. */
  problem(text: string): string | undefined
}

/** A list, or one rule in place of it, as texts. */
function list({ max, json, problem }: ListOptions): z.ZodDefault<z.ZodType<readonly string[]>> {
  const texts = z.unknown().transform((value, context): readonly string[] => {
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (items.length > max)
      context.addIssue(`Must have at most ${max} rules: it has ${items.length}`)
    for (const [i, item] of items.entries()) {
      const isText = typeof item === 'string' || Number.isSafeInteger(item)
      const message = problem(isText ? String(item) : '')
      if (message === undefined) continue
      const path = Array.isArray(value) ? [i] : []
      context.addIssue({ code: 'custom', path, message: `${message}: it is ${shown(item)}` })
    }
    return items.map(String)
  })
  const written = { anyOf: [{ type: 'array', items: json, maxItems: max }, json], default: [] }
  return texts.default([]).register(WRITTEN, { json: written })
}

function shown(value: unknown): string {
  return typeof value === 'object' ? (JSON.stringify(value) ?? 'nothing') : `"${String(value)}"`
}

const TEXT = { type: 'string' }
const TEXT_OR_NUMBER = { type: ['string', 'integer'] }

/** The section of `include`, and of `exclude`. */
export const selectors = z
  .strictObject({
    netns: list({ max: NAMES_MAX, json: TEXT_OR_NUMBER, problem: netnsProblem }).describe(
      'network namespaces: names in /run/netns, paths, inodes',
    ),
    cgroup: list({ max: NAMES_MAX, json: TEXT, problem: cgroupProblem }).describe(
      'paths in the cgroup v2 tree: what is below them too',
    ),
    ports: list({
      max: PORTS_MAX,
      json: TEXT_OR_NUMBER,
      problem: (text) =>
        parsePorts(text) ? undefined : 'Must be a port or a range, such as 8080 or "9000-9100"',
    }).describe('ports that are connected to, and ranges of them'),
    cidrs: list({
      max: CIDRS_MAX,
      json: TEXT,
      problem: (text) =>
        parseCidr(text) ? undefined : 'Must be a prefix, such as 10.0.0.0/8 or fd00::/8',
    }).describe('prefixes of addresses of either end'),
  })
  .prefault({})

export type Selectors = z.infer<typeof selectors>

export interface SelectionConfig {
  readonly include: Selectors
  readonly exclude: Selectors
}
