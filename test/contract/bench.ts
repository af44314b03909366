/** Where one check of one subject takes place: makes rigs, and undoes all that was made. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host, Privileged } from '../../pipeline/component.ts'
import { silent } from '../pipeline/probes.ts'
import { hostOf } from '../pipeline/surroundings.ts'
import { NEEDS, type Prepared } from './needs.ts'
import { configOf, Rig } from './rig.ts'
import type { Subject } from './subjects.ts'

export class Bench {
  readonly subject: Subject
  readonly patienceMs: number
  readonly prepared: Prepared
  /** Where its components listen, or did. */
  readonly addresses: string[] = []
  readonly #folder: string
  readonly #host: Host
  #privileged: Privileged | undefined
  readonly #rigs: Rig[] = []
  #isClosed = false

  /** @param patienceMs how long whatever ends by itself may take */
  static async open(subject: Subject, patienceMs: number): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'flowspan-contract-'))
    const own = join(folder, 'own')
    mkdirSync(own)
    const signal = subject.takes ?? subject.gives ?? 'traces'
    const prepared = (await NEEDS[subject.component]?.prepare({ folder: own, signal })) ?? {
      config: null,
    }
    return new Bench(subject, { prepared, folder, patienceMs })
  }

  private constructor(
    subject: Subject,
    of: { prepared: Prepared; folder: string; patienceMs: number },
  ) {
    this.patienceMs = of.patienceMs
    this.subject = subject
    this.prepared = of.prepared
    this.#folder = of.folder
    const host = hostOf(of.prepared.extensions)
    this.#host = {
      ...host,
      listen: async (endpoint, onConnection) => {
        const listening = await host.listen(endpoint, onConnection)
        this.addresses.push(listening.address)
        return listening
      },
    }
  }

  /** A component that has not started. Its privileged half, where it has one, is opened once. */
  async make(config = this.prepared.config): Promise<Rig> {
    const { subject } = this
    const { open, type } = subject.factory
    if (open !== undefined && this.#privileged === undefined) {
      this.#privileged = await open(this.decoded(config), { id: type, logger: silent })
    }
    const { patienceMs } = this
    const rig = await Rig.build({ subject, config, privileged: this.#privileged, patienceMs })
    this.#rigs.push(rig)
    return rig
  }

  /** A component that runs. */
  async run(config = this.prepared.config): Promise<Rig> {
    const rig = await this.make(config)
    try {
      await rig.start(this.#host)
    } catch (error) {
      if (NEEDS[this.subject.component] !== undefined) throw error
      const hint = 'a component that needs more than its defaults has it in test/contract/needs.ts'
      throw new Error(`${(error as Error).message}; ${hint}`, { cause: error })
    }
    return rig
  }

  /** The config as a component gets it. */
  decoded(config = this.prepared.config): unknown {
    const { kind, factory } = this.subject
    return configOf(this.subject, config).components[kind].get(factory.type)?.config
  }

  get host(): Host {
    return this.#host
  }

  /** Safe twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    // A check that has failed left them running, and the process with them.
    for (const rig of this.#rigs) await rig.shutdown(AbortSignal.abort()).catch(() => {})
    this.#privileged?.close()
    await this.prepared.close?.()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
