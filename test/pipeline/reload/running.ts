/** A service of probes whose configuration a test exchanges. */
import { after } from 'node:test'
import pino from 'pino'
import type { Factory } from '../../../pipeline/component.ts'
import { loadConfig } from '../../../pipeline/config/load.ts'
import type { LedgerEntry } from '../../../pipeline/ledger.ts'
import { Service } from '../../../pipeline/service.ts'
import { booksOf } from '../../../pipeline/telemetry/books.ts'
import { Probes } from '../probes.ts'

export class Running {
  readonly probes: Probes
  readonly service: Service
  readonly lines: Record<string, unknown>[]

  private constructor(parts: Pick<Running, 'probes' | 'service' | 'lines'>) {
    this.probes = parts.probes
    this.service = parts.service
    this.lines = parts.lines
  }

  /** `sections` and pipelines of a configuration; its own metrics are off. */
  static async start(yaml: string, more: readonly Factory[] = []): Promise<Running> {
    const probes = new Probes(more)
    const lines: Record<string, unknown>[] = []
    const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
    const settings = { logger, version: '0', inherited: () => undefined }
    const service = await Service.build(read(yaml, probes), settings)
    await service.start()
    after(() => service.shutdown())
    const running = new Running({ probes, service, lines })
    running.forget()
    return running
  }

  async reload(yaml: string): Promise<void> {
    await this.service.reload(read(yaml, this.probes))
  }

  /** Steps from now on are those of what comes. */
  forget(): void {
    this.probes.steps.length = 0
  }

  /** Books by kind and id, of all instances that have stood there. */
  book(name: string): LedgerEntry {
    const books = booksOf(this.service.accounts)
    const found = books.filter(({ kind, id }) => `${kind}/${id}` === name)
    if (found.length !== 1) throw new Error(`${found.length} books are of ${name}`)
    return found[0] as LedgerEntry
  }
}

function read(yaml: string, { factories }: Probes) {
  const text = yaml.replace(/^service:/m, 'service:\n  telemetry: { metrics: { level: none } }')
  return loadConfig({ name: 'test.yaml', text }, { factories, env: {} })
}
