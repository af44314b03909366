/**
 * What the kernel tells of an end beyond its numbers: written to each row of its connections, so
 * its texts are looked up in a batch's string table once a batch.
 */
import type { FlowBatch } from '../flows/batch.ts'
import type { StringTable } from '../flows/strings.ts'

export interface IdentityNames {
  /** Path of the program. */
  readonly executable: string
  readonly containerId: string
  readonly podUid: string
  readonly systemdUnit: string
}

export class Identity {
  readonly names: IdentityNames
  /** Instead of the socket's own, where that says nothing: id of a cgroup of v1, low half first. */
  readonly #cgroup: readonly [lo: number, hi: number] | undefined
  /** Of the batch that the indexes are of. */
  #serial = 0
  #executable = 0
  #containerId = 0
  #podUid = 0
  #systemdUnit = 0

  constructor(names: IdentityNames, cgroup?: readonly [lo: number, hi: number]) {
    this.names = names
    this.#cgroup = cgroup
  }

  write({ base, strings }: FlowBatch, row: number): void {
    if (this.#serial !== strings.serial) this.#intern(strings)
    base.executable[row] = this.#executable
    base.container_id[row] = this.#containerId
    base.pod_uid[row] = this.#podUid
    base.systemd_unit[row] = this.#systemdUnit
    if (this.#cgroup === undefined) return
    base.cgroup_id[2 * row] = this.#cgroup[0]
    base.cgroup_id[2 * row + 1] = this.#cgroup[1]
  }

  #intern(strings: StringTable): void {
    const { executable, containerId, podUid, systemdUnit } = this.names
    this.#serial = strings.serial
    this.#executable = strings.intern(executable)
    this.#containerId = strings.intern(containerId)
    this.#podUid = strings.intern(podUid)
    this.#systemdUnit = strings.intern(systemdUnit)
  }
}
