/**
 * Who stands at an end, from the kernel's records of cgroups and processes, which come before the
 * first record that names them (bpf/identity.bpf.h).
 *
 * Bounded; who was not asked for longest goes. The kernel tells again what it has forgotten, and
 * its maps are smaller, so what it holds for told is here.
 */
import { Identity } from '../requests/identity.ts'
import type { RowWriter } from '../requests/rows.ts'
import { type CgroupIdentity, cgroupIdentity } from './cgroup_path.ts'
import { CgroupRecord, ProcessRecord, RECORD_TYPE } from './events.gen.ts'

/** More than twice as many as told_cgroups and told_processes of bpf/identity.bpf.h have. */
const CGROUPS_MAX = 10_000
const PROCESSES_MAX = 20_000
/** The root of a hierarchy, where nobody is who is in a container. */
const ROOT_CGROUP_ID = 1

interface Process {
  readonly executable: string
  /** Of v1, low half first; undefined: the socket's own says it. */
  readonly cgroup: readonly [lo: number, hi: number] | undefined
  /** Made when first asked for, of this place: a process's sockets are in one, as a rule. */
  identity: Identity | undefined
  place: CgroupIdentity
}

const NOWHERE: CgroupIdentity = { podUid: '', containerId: '', systemdUnit: '' }

export class Identities {
  readonly #cgroups = new Map<bigint, CgroupIdentity>()
  readonly #processes = new Map<number, Process>()

  /** Takes a record, if it is of these. */
  take(view: DataView, at: number): boolean {
    const type = view.getUint8(at)
    if (type === RECORD_TYPE.RECORD_CGROUP) {
      const id = view.getBigUint64(at + CgroupRecord.cgroup_id, true)
      put(this.#cgroups, [id, cgroupIdentity(namesOf(view, at, CgroupRecord))], CGROUPS_MAX)
      return true
    }
    if (type !== RECORD_TYPE.RECORD_PROCESS) return false
    const lo = view.getUint32(at + ProcessRecord.cgroup_id, true)
    const hi = view.getUint32(at + ProcessRecord.cgroup_id + 4, true)
    const process: Process = {
      executable: pathOf(view, at, ProcessRecord),
      cgroup: hi === 0 ? undefined : [lo, hi],
      identity: undefined,
      place: NOWHERE,
    }
    put(this.#processes, [view.getUint32(at + ProcessRecord.pid, true), process], PROCESSES_MAX)
    return true
  }

  /** Of a process, 0 if it is not known, and a socket's cgroup; undefined: nothing is known. */
  of(pid: number, cgroup: readonly [lo: number, hi: number]): Identity | undefined {
    const process = touch(this.#processes, pid)
    const isRoot = cgroup[1] === 0 && cgroup[0] <= ROOT_CGROUP_ID
    const [lo, hi] = (isRoot && process?.cgroup) || cgroup
    const place = touch(this.#cgroups, (BigInt(hi) << 32n) | BigInt(lo)) ?? NOWHERE
    if (process === undefined) {
      return place === NOWHERE ? undefined : new Identity({ ...place, executable: '' })
    }
    if (process.identity === undefined || process.place !== place) {
      const { executable } = process
      process.identity = new Identity({ ...place, executable }, isRoot ? process.cgroup : undefined)
      process.place = place
    }
    return process.identity
  }
}

/** A record, and who its numbers mean. */
export interface IdentifiedRecord {
  readonly view: DataView
  readonly at: number
  readonly identities: Identities
}

/** Of a row that has its pid and its cgroup's id. */
export function writeIdentity(rows: RowWriter, identities: Identities, row: number): void {
  const { pid, cgroup_id } = rows.batch.base
  const cgroup = [cgroup_id[2 * row] as number, cgroup_id[2 * row + 1] as number] as const
  identities.of(pid[row] as number, cgroup)?.write(rows.batch, row)
}

function put<K, V>(map: Map<K, V>, [key, value]: [K, V], max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > max) map.delete(map.keys().next().value as K)
}

function touch<K, V>(map: Map<K, V>, key: K): V | undefined {
  const value = map.get(key)
  if (value === undefined) return undefined
  map.delete(key)
  map.set(key, value)
  return value
}

type PathRecord = typeof CgroupRecord | typeof ProcessRecord

/** Names from the outer end inwards. */
function namesOf(view: DataView, at: number, record: PathRecord): string[] {
  const max = record.size - record.names
  const length = Math.min(view.getUint16(at + record.length, true), max)
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + record.names, length)
  const names = Buffer.from(bytes).toString().split('\0')
  // A NUL stands behind the last one, too.
  names.pop()
  return names.reverse()
}

/** '' where there is none, as of a program that no file is. */
export function pathOf(view: DataView, at: number, record: PathRecord): string {
  const names = namesOf(view, at, record)
  return names.length === 0 ? '' : `/${names.join('/')}`
}
