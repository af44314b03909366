/**
 * Gives rows their origin: the host that saw them, and an identity each.
 *
 * Delivery is at least once, so a row may come to a gateway twice. A number that its maker counts
 * up is all that is needed to see it, and costs the gateway a few bits a row; a restart begins a
 * new run, so nothing has to be kept on disk for it.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { wallClockNs } from '../u64.ts'
import type { FlowBatch } from './batch.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** systemd's, and where it is read where there is no systemd (machine-id(5)). */
const MACHINE_IDS = ['/etc/machine-id', '/var/lib/dbus/machine-id']

export interface HostNames {
  /** '' for this machine's own. */
  readonly id: string
  readonly name: string
  /** '' outside Kubernetes. */
  readonly node: string
}

/** Who a run's rows say saw them, with nothing left to be found out. */
export interface RunNames extends HostNames {
  readonly agentId: string
  readonly bootId: string
}

export class Origin {
  /** Different in every run, so that numbers need not outlive it. */
  readonly agentId: string
  readonly bootId: string
  #names: HostNames
  #rows = 0
  readonly #now = new Uint32Array(2)

  /**
   * Reads what the host says of itself; what cannot be read is not known. With `run` the rows are
   * those of a run that was: they have its identities.
   */
  constructor(names: HostNames, run?: RunNames) {
    this.agentId = run?.agentId ?? randomUUID()
    this.bootId = run?.bootId ?? firstLine([BOOT_ID])
    this.#names = run ?? hostNames(names)
  }

  get run(): RunNames {
    const { agentId, bootId } = this
    return { ...this.#names, agentId, bootId }
  }

  /** Of `hostNames`. */
  set names(names: HostNames) {
    this.#names = names
  }

  /** Marks all rows of a batch that leaves its maker, now or at `observed`. Once a batch. */
  stamp(batch: FlowBatch, observed?: Uint32Array): void {
    const { rows, strings } = batch
    const origin = batch.add('origin')
    const { id, name, node } = this.#names
    origin.boot_id.fill(strings.intern(this.bootId), 0, rows)
    origin.host_id.fill(strings.intern(id), 0, rows)
    origin.host_name.fill(strings.intern(name), 0, rows)
    origin.host_node.fill(strings.intern(node), 0, rows)
    origin.agent_id.fill(strings.intern(this.agentId), 0, rows)
    if (observed === undefined) wallClockNs(this.#now, 0)
    else this.#now.set(observed)
    const [lo, hi] = this.#now as unknown as [number, number]
    for (let row = 0; row < rows; row++) {
      origin.sequence[row] = ++this.#rows
      origin.observed[2 * row] = lo
      origin.observed[2 * row + 1] = hi
    }
  }
}

/** With what the host says of itself where nothing is given. */
export function hostNames({ id, name, node }: HostNames): HostNames {
  return { id: id || firstLine(MACHINE_IDS), name: name || hostname(), node }
}

/** Of the first of the files that has one; '' when none has. */
function firstLine(files: readonly string[]): string {
  for (const file of files) {
    try {
      const [line = ''] = readFileSync(file, 'utf8').split('\n')
      if (line !== '') return line
    } catch {
      // Containers often have neither; the host has a name still, and a boot.
    }
  }
  return ''
}
