/** A whole service of real components in this process, from a configuration as a user writes it. */
import type { TestContext } from 'node:test'
import { COMPONENTS } from '../../components.ts'
import { Factories } from '../../pipeline/config/factories.ts'
import { loadConfig } from '../../pipeline/config/load.ts'
import { Logs } from '../../pipeline/logging.ts'
import { Service } from '../../pipeline/service.ts'
import { Telemetry } from '../../pipeline/telemetry/telemetry.ts'

export interface ServiceLine {
  readonly msg: string
  readonly [key: string]: unknown
}

export interface RunningService {
  readonly service: Service
  readonly telemetry: Telemetry
  readonly lines: ServiceLine[]
  /** Where a component, by the end of its name, said that it listens. */
  address(component: string): string
  reload(yaml: string): Promise<void>
}

const factories = new Factories(COMPONENTS)

/** Starts it; it is shut down after the test. */
export async function startService(t: TestContext, yaml: string): Promise<RunningService> {
  const config = configOf(yaml)
  const { telemetry: options } = config.service
  const lines: ServiceLine[] = []
  const to = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const logs = new Logs({ ...options.logs, encoding: 'json' }, to)
  const { logger } = logs
  const telemetry = await Telemetry.create(options, { version: '1.2.3', logger, logs })
  const settings = { logger, version: '1.2.3', telemetry, inherited: () => undefined }
  const service = await Service.build(config, settings)
  t.after(() => service.shutdown())
  await service.start()
  return {
    service,
    telemetry,
    lines,
    address(component) {
      const line = lines.findLast((line) => line.component === component && line.endpoint)
      if (line === undefined) throw new Error(`${component} said of no address`)
      return String(line.endpoint)
    },
    reload: (wanted) => service.reload(configOf(wanted)),
  }
}

function configOf(yaml: string) {
  return loadConfig({ name: 'test.yaml', text: yaml }, { factories, env: {} })
}
