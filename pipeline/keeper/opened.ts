/** What components opened while there were privileges to do so. */
import type { Logger } from 'pino'
import type { Privileged } from '../component.ts'
import type { ComponentConfig, Config } from '../config/config.ts'
import { messageOf } from '../graph/node.ts'

export interface Opened {
  readonly of: ComponentConfig
  readonly privileged: Privileged
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

/** Opens them one after another; throws at the first that cannot, with none left open. */
export async function openAll(
  needy: readonly ComponentConfig[],
  logger: Logger,
): Promise<Opened[]> {
  const opened: Opened[] = []
  for (const of of needy) {
    const { kind, id, factory, config } = of
    const settings = {
      id: id.text,
      logger: logger.child({ component: `${kind}/${id.text}` }),
    }
    try {
      const privileged = await factory.open?.(config, settings)
      if (privileged !== undefined) opened.push({ of, privileged })
    } catch (error) {
      closeAll(opened)
      throw new Error(`cannot open "${id.text}" ${kind}: ${messageOf(error)}`, { cause: error })
    }
  }
  return opened
}

export function closeAll(opened: readonly Opened[]): void {
  for (const { privileged } of opened.toReversed()) privileged.close()
}
