/** Runs the pipelines in this process, until something asks for their end. */
import type { Config } from '../pipeline/config/config.ts'
import { messageOf } from '../pipeline/graph/node.ts'
import type { Logs } from '../pipeline/logging.ts'
import { giveBack } from '../pipeline/memory.ts'
import { Service, type ServiceSettings } from '../pipeline/service.ts'
import type { ReloadResult } from '../pipeline/service_view.ts'
import type { Stop } from '../pipeline/stop.ts'
import { Telemetry } from '../pipeline/telemetry/telemetry.ts'

/** A programmer's error in the pipelines' process (sysexits.h: EX_SOFTWARE). */
const EXIT_CRASH = 70

/** The end of a service that does one thing: when its receivers have given all they ever will. */
export interface Until {
  /** Or after so many milliseconds; 0: not by time. */
  readonly ms: number
  /** What a component notes in its ledger when the thing could not be done. */
  readonly spoiledBy: string
}

export interface ServiceRun {
  readonly logs: Logs
  readonly version: string
  readonly stop: Stop
  readonly until: Until | undefined
  readonly inherited: ServiceSettings['inherited']
  /** Every component was created, and every module is loaded. */
  readonly built?: () => void
  /** The service runs. Gives how it is asked for a reload, which then waits for `by`'s result. */
  readonly reloads: (service: Service) => (by: string) => Promise<ReloadResult>
}

/** Gives the exit code. */
export async function runService(config: Config, run: ServiceRun): Promise<number> {
  const { logs, version, stop, inherited, until } = run
  const { logger } = logs
  process.on('uncaughtException', (error) => {
    logger.fatal({ error: { message: error.message, stack: error.stack } }, 'Crashed')
    process.exit(EXIT_CRASH)
  })
  // Nothing else may hold the event loop: a pipeline can be waiting for a signal alone.
  setInterval(() => {}, 2 ** 30)
  let request: ((by: string) => Promise<ReloadResult>) | undefined
  const telemetry = await Telemetry.create(config.service.telemetry, { version, logger, logs })
  const service = await Service.build(config, {
    logger,
    version,
    telemetry,
    inherited,
    requestReload: async (by) => (await request?.(by)) ?? STARTING,
  })
  run.built?.()
  // Before data comes: it takes 50 ms and more.
  giveBack()
  await service.start()
  request = run.reloads(service)
  stop.onReload(() => void request?.('SIGHUP'))
  try {
    const reason = await Promise.race([stop.requested, service.failed, endOf(service, until)])
    logger.info({ reason }, 'Asked to shut down')
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'Asynchronous error received, terminating process')
    await service.shutdown()
    return 1
  }
  const isSpoiled = () =>
    service.accounts.some(({ ledger }) => until !== undefined && ledger.notes.has(until.spoiledBy))
  return (await service.shutdown()) && !isSpoiled() ? 0 : 1
}

function endOf({ finished }: Service, until: Until | undefined): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  if (until === undefined) return promise
  finished.then(() => resolve('all is done'))
  if (until.ms > 0) setTimeout(() => resolve('its time is over'), until.ms)
  return promise
}

const STARTING: ReloadResult = { ok: false, reason: 'the service is still starting' }
