/** `flowspan run` and `flowspan validate`. */
import type { Logger } from 'pino'
import type { Config } from '../pipeline/config/config.ts'
import type { Factories } from '../pipeline/config/factories.ts'
import type { FeatureGates } from '../pipeline/config/feature_gates.ts'
import { decodeConfig } from '../pipeline/config/load.ts'
import { ConfigError } from '../pipeline/config/problems.ts'
import { type ConfigArguments, resolveConfig } from '../pipeline/config/resolve.ts'
import { planGraph } from '../pipeline/graph/plan.ts'
import { type Handover, takeHandover } from '../pipeline/keeper/handover.ts'
import { Keeper } from '../pipeline/keeper/keeper.ts'
import { watchLifeline } from '../pipeline/keeper/lifeline.ts'
import { closeAll, needPrivileges, openAll } from '../pipeline/keeper/opened.ts'
import { dropPrivileges, findUser, NOBODY } from '../pipeline/keeper/privileges.ts'
import { createLogger } from '../pipeline/logging.ts'
import { Service } from '../pipeline/service.ts'
import { Stop } from '../pipeline/stop.ts'

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
 */
export const PIPELINE_NODE_OPTIONS = ['--initial-old-space-size=96']

/** A programmer's error in the pipelines' process (sysexits.h: EX_SOFTWARE). */
const EXIT_CRASH = 70

export async function loadConfig(
  args: ConfigArguments,
  { factories }: Pick<Program, 'factories'>,
): Promise<Config> {
  const config = decodeConfig(await resolveConfig(args, process.env), { factories })
  const { problems } = planGraph(config)
  if (problems.length > 0) throw new ConfigError(problems, config.locate)
  return config
}

/** Builds everything and starts nothing. */
export async function validate(config: Config, { version }: Program): Promise<number> {
  const logger = createLogger({ level: 'error', encoding: 'console' })
  const service = await Service.build(config, { logger, version, inherited: () => undefined })
  await service.discard()
  return 0
}

/** What `run` is given; unlike `validate` it says that it is the configuration which is wrong. */
export async function loadToRun(args: ConfigArguments, program: Program): Promise<Config> {
  try {
    return await loadConfig(args, program)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new Error(`invalid configuration: ${error.message}`, { cause: error })
  }
}

export async function run(
  config: Config,
  { version, runAs }: Program & { runAs: string | undefined },
): Promise<number> {
  const logger = createLogger(config.service.telemetry.logs)
  const stop = Stop.onSignals()
  const handover = takeHandover(process.env)
  if (handover !== undefined) return await runService(config, { logger, version, stop, handover })
  const needy = needPrivileges(config)
  if (needy.length === 0 && runAs === undefined) {
    return await runService(config, { logger, version, stop })
  }
  const user = runAs === undefined ? NOBODY : findUser(runAs)
  const opened = await openAll(needy, logger)
  try {
    return await new Keeper({
      opened,
      command: [
        process.execPath,
        ...PIPELINE_NODE_OPTIONS,
        ...process.execArgv,
        ...process.argv.slice(1),
      ],
      user,
      stop,
      shutdownTimeoutMs: config.service.shutdown_timeout,
      logger,
    }).run()
  } finally {
    closeAll(opened)
  }
}

interface ServiceRun {
  readonly logger: Logger
  readonly version: string
  readonly stop: Stop
  /** Present in a keeper's child. */
  readonly handover?: Handover
}

async function runService(
  config: Config,
  { logger, version, stop, handover }: ServiceRun,
): Promise<number> {
  process.on('uncaughtException', (error) => {
    logger.fatal({ error: { message: error.message, stack: error.stack } }, 'Crashed')
    process.exit(EXIT_CRASH)
  })
  // Nothing else may hold the event loop: a pipeline can be waiting for a signal alone.
  setInterval(() => {}, 2 ** 30)
  if (handover !== undefined) watchLifeline(handover.lifelineFd, stop)
  const service = await Service.build(config, {
    logger,
    version,
    inherited: (kind, id) => handover?.components.find((c) => c.kind === kind && c.id === id),
  })
  // Every module is loaded and every file read by now: from here on the process is nobody.
  if (handover !== undefined) dropPrivileges(handover.user)
  await service.start()
  try {
    const reason = await Promise.race([stop.requested, service.failed])
    logger.info({ reason }, 'Asked to shut down')
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    logger.error({ reason: message }, 'Asynchronous error received, terminating process')
    await service.shutdown()
    return 1
  }
  return (await service.shutdown()) ? 0 : 1
}
