/** What components opened while there were privileges to do so. */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Privileged } from '../component.ts'
import type { ComponentConfig, Config } from '../config/config.ts'
import { below, ConfigError, type Problem } from '../config/problems.ts'
import { messageOf } from '../graph/node.ts'

const RESTART = 'without a restart'

export interface OpenPart {
  readonly of: ComponentConfig
  readonly privileged: Privileged
}

export class Opened {
  readonly #parts: OpenPart[]

  constructor(parts: readonly OpenPart[] = []) {
    this.#parts = [...parts]
  }

  /** Opens one after another; throws at the first that cannot, with none left open. */
  static async all(needy: readonly ComponentConfig[], logger: Logger): Promise<Opened> {
    const opened = new Opened()
    for (const of of needy) {
      const { kind, id, factory, config } = of
      const settings = {
        id: id.text,
        logger: logger.child({ component: `${kind}/${id.text}` }),
      }
      try {
        const privileged = await factory.open?.(config, settings)
        if (privileged !== undefined) opened.#parts.push({ of, privileged })
      } catch (error) {
        opened.close()
        throw new Error(`cannot open "${id.text}" ${kind}: ${messageOf(error)}`, { cause: error })
      }
    }
    return opened
  }

  get parts(): readonly OpenPart[] {
    return this.#parts
  }

  /**
   * Throws a ConfigError unless all that the configuration needs open is open, and as it needs it:
   * nothing can be opened later.
   */
  check(wanted: Config): void {
    const problems = needPrivileges(wanted).flatMap((of) => {
      const part = this.#parts.find((open) => isSame(open.of, of))
      return problemsOf(of, part?.of)
    })
    if (problems.length > 0) throw new ConfigError(problems, wanted.locate)
  }

  /** That configuration is in force: closes what it has no use for, tells the others. */
  keepFor(config: Config): void {
    const needed = needPrivileges(config)
    for (const part of this.#parts.splice(0)) {
      const of = needed.find((wanted) => isSame(part.of, wanted))
      if (of === undefined) {
        part.privileged.close()
        continue
      }
      this.#parts.push({ of, privileged: part.privileged })
      if (!isDeepStrictEqual(of.config, part.of.config)) part.privileged.reconfigure?.(of.config)
    }
  }

  close(): void {
    for (const { privileged } of this.#parts.toReversed()) privileged.close()
  }
}

/** The components that the service uses and that need privileges. */
export function needPrivileges({ components, pipelines, extensions }: Config): ComponentConfig[] {
  const used = new Set<ComponentConfig | undefined>(
    extensions.map((id) => components.extension.get(id)),
  )
  for (const pipeline of pipelines) {
    for (const id of pipeline.receivers) {
      used.add(components.receiver.get(id)).add(components.connector.get(id))
    }
    for (const id of pipeline.processors) used.add(components.processor.get(id))
    for (const id of pipeline.exporters) used.add(components.exporter.get(id))
  }
  return [...used].filter((component) => component?.factory.open !== undefined) as ComponentConfig[]
}

function isSame(a: ComponentConfig, b: ComponentConfig): boolean {
  return a.factory === b.factory && a.id.text === b.id.text
}

function problemsOf(wanted: ComponentConfig, running: ComponentConfig | undefined): Problem[] {
  const { factory, path } = wanted
  if (running === undefined) {
    const message = `cannot be added ${RESTART}: it needs privileges, which were given up`
    return [{ path, message }]
  }
  if (factory.fixed !== undefined) return below(path, factory.fixed(running.config, wanted.config))
  if (isDeepStrictEqual(running.config, wanted.config)) return []
  return [{ path, message: `cannot change ${RESTART}` }]
}
