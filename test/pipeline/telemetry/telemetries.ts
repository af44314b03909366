/** A service's telemetry, as a configuration's `service::telemetry` makes it. */
import type { TestContext } from 'node:test'
import pino from 'pino'
import { Logs } from '../../../pipeline/logging.ts'
import { telemetryOptions } from '../../../pipeline/telemetry/options.ts'
import { Telemetry } from '../../../pipeline/telemetry/telemetry.ts'
import { Exposition } from '../../kit/exposition.ts'
import { hostOf } from '../surroundings.ts'

export interface Line {
  readonly msg: string
  readonly [key: string]: unknown
}

export async function makeTelemetry(t: TestContext, options: object = {}) {
  const lines: Line[] = []
  const to = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const parsed = telemetryOptions.parse(options)
  const logs = new Logs({ ...parsed.logs, encoding: 'json' }, to)
  const { logger } = logs
  const telemetry = await Telemetry.create(parsed, { version: '1.2.3', logger, logs })
  t.after(() => telemetry.shutdown(AbortSignal.timeout(5000)))
  return { telemetry, lines, logs }
}

/** One whose metrics are served; `text` is what a scrape gives. */
export async function serveTelemetry(t: TestContext, options: { metrics?: object } = {}) {
  const metrics = { address: '127.0.0.1:0', ...options.metrics }
  const made = await makeTelemetry(t, { ...options, metrics })
  const host = hostOf()
  await made.telemetry.start(host)
  const url = () => String(made.lines.findLast((line) => line.url !== undefined)?.url)
  const text = async () => await (await fetch(url())).text()
  const scrape = async () => new Exposition(await text())
  return { ...made, host, url, text, scrape }
}

export const silent = pino({ level: 'silent' })
