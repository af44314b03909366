/**
 * `flowspan run` and `flowspan validate`.
 *
 * Where no component needs privileges one process does everything. Else this one becomes the
 * keeper, which reads the configuration and opens what needs privileges, and starts itself once
 * more as its child, which runs the pipelines.
 */
import type { Logger } from 'pino'
import type { ComponentConfig, Config } from '../pipeline/config/config.ts'
import type { Factories } from '../pipeline/config/factories.ts'
import type { FeatureGates } from '../pipeline/config/feature_gates.ts'
import type { ConfigArguments } from '../pipeline/config/resolve.ts'
import { takeHandover } from '../pipeline/keeper/handover.ts'
import { Keeper } from '../pipeline/keeper/keeper.ts'
import { needPrivileges, Opened } from '../pipeline/keeper/opened.ts'
import { findUser, NOBODY } from '../pipeline/keeper/privileges.ts'
import { createLogger, Logs } from '../pipeline/logging.ts'
import { giveBack } from '../pipeline/memory.ts'
import { Service } from '../pipeline/service.ts'
import { Stop } from '../pipeline/stop.ts'
import { ConfigSource, type Loaded } from './load.ts'
import { runChild } from './run_child.ts'
import { runService, type Until } from './run_service.ts'

/** What the command line is given to work with. */
export interface Program {
  readonly factories: Factories
  readonly version: string
  readonly gates: FeatureGates
}

/**
 * Of the pipelines' process. Batches and OTLP payloads are memory outside V8's heap, which counts
 * it, and marks the whole heap every 2.5 s at 1,000 requests/s where it begins with its default
 * limit of the old generation: a third of the process's CPU time. The heap is 20 MB all the same.
 * With a young generation of 16 MB what batches were made of is given back so seldom that the heap
 * is marked for it still, and its turns go through more than a cache holds: with 4 MB the process
 * takes 10 to 15 % less CPU, and 25 MB less memory.
 */
export const PIPELINE_NODE_OPTIONS = ['--initial-old-space-size=96', '--max-semi-space-size=4']

/** When the keeper's child is starting, and the keeper has nothing more to do. */
const BEGUN_MS = 500

/** Builds everything and starts nothing. */
export async function validate(config: Config, { version }: Program): Promise<number> {
  const logger = createLogger({ level: 'error', encoding: 'console' })
  const service = await Service.build(config, { logger, version, inherited: () => undefined })
  await service.discard()
  return 0
}

export type RunProgram = Program & {
  readonly runAs: string | undefined
  readonly until?: Until | undefined
}

export async function run(args: ConfigArguments, program: RunProgram): Promise<number> {
  const stop = Stop.onSignals()
  const handover = takeHandover(process.env)
  if (handover !== undefined) return await runChild(handover, { program, stop })
  const source = new ConfigSource(args, program)
  const loaded = await source.loadToRun()
  const logs = new Logs(loaded.config.service.telemetry.logs)
  const { logger } = logs
  const needy = needPrivileges(loaded.config)
  const alone = needy.length === 0 && program.runAs === undefined
  const parent: Parent = { program, stop, source, loaded, logs, logger }
  return alone ? await runAlone(parent) : await runKeeper(parent, needy)
}

interface Parent {
  readonly program: RunProgram
  readonly stop: Stop
  readonly source: ConfigSource
  readonly loaded: Loaded
  readonly logs: Logs
  readonly logger: Logger
}

async function runAlone({ program, stop, source, loaded, logs, logger }: Parent): Promise<number> {
  const nothing = new Opened()
  return await runService(loaded.config, {
    logs,
    version: program.version,
    stop,
    until: program.until,
    inherited: () => undefined,
    reloads: (service) => {
      const reloader = source.reloader(loaded.config, {
        logger,
        apply: async ({ config }) => {
          nothing.check(config)
          await service.reload(config)
        },
      })
      return (by) => reloader.request(by)
    },
  })
}

async function runKeeper(parent: Parent, needy: readonly ComponentConfig[]): Promise<number> {
  const { program, stop, source, loaded, logs, logger } = parent
  const user = program.runAs === undefined ? NOBODY : findUser(program.runAs)
  const opened = await Opened.all(needy, logger)
  const reloader = source.reloader(loaded.config, {
    logger,
    apply: async ({ resolved, config }) => {
      opened.check(config)
      await keeper.reload(resolved, config.service.shutdown_timeout)
      opened.keepFor(config)
      logs.setLevel(config.service.telemetry.logs.level)
    },
  })
  const keeper = new Keeper({
    opened,
    resolved: loaded.resolved,
    command: [
      process.execPath,
      ...PIPELINE_NODE_OPTIONS,
      ...process.execArgv,
      ...process.argv.slice(1),
    ],
    user,
    stop,
    shutdownTimeoutMs: loaded.config.service.shutdown_timeout,
    logger,
    reload: (by) => reloader.request(by),
  })
  stop.onReload(() => void reloader.request('SIGHUP'))
  const begun = setTimeout(giveBack, BEGUN_MS).unref()
  try {
    return await keeper.run()
  } finally {
    clearTimeout(begun)
    opened.close()
  }
}
