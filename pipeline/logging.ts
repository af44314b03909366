/**
 * flowspan's own log, by default on stderr: JSON lines, or lines for people.
 *
 *     2026-08-24T02:11:05.123Z  WARN  exporter/otlp  Data lost  reason=queue_full lost=120
 */
import pino, { type DestinationStream, type Level, type Logger } from 'pino'
import { logOutput } from './log_output.ts'
import { LogSampler } from './log_sampler.ts'
import { type LogLevel, type LogOptions, telemetryOptions } from './telemetry/options.ts'

const DEFAULTS = telemetryOptions.parse({}).logs

/** The log of a process: its root logger, and what can change while it runs. */
export class Logs {
  readonly logger: Logger
  /** Lines that sampling left out, by level. */
  readonly sampledOut = new Map<string, number>()
  readonly #sampler: LogSampler
  /** Loggers of components: each has a level of its own. */
  readonly #children = new Set<WeakRef<Logger>>()

  /** Throws when an output cannot be opened. */
  constructor(given: Partial<LogOptions>, to?: DestinationStream) {
    const options: LogOptions = { ...DEFAULTS, ...given }
    this.#sampler = new LogSampler(options.sampling)
    const output = to ?? logOutput(options)
    const isConsole = options.encoding === 'console'
    const withStack = !options.disable_stacktrace && (!isConsole || options.development)
    const write = (line: string) => output.write(consoleLine(line, withStack))
    this.logger = pino(
      {
        level: options.level,
        base: options.initial_fields,
        timestamp: () => `,"ts":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: (error: unknown) => errorFields(error, withStack) },
        onChild: (child) => void this.#children.add(new WeakRef(child)),
        hooks: { logMethod: this.#logMethod() },
      },
      isConsole ? { write } : output,
    )
  }

  /** For all loggers, those of components too. */
  setLevel(level: LogLevel): void {
    this.logger.level = level
    for (const reference of this.#children) {
      const child = reference.deref()
      if (child === undefined) this.#children.delete(reference)
      else child.level = level
    }
  }

  #logMethod() {
    const { sampledOut } = this
    const sampler = this.#sampler
    return function (this: Logger, args: unknown[], method: (...args: never[]) => void, n: number) {
      const level = pino.levels.labels[n] as Level
      const message = args.find((arg) => typeof arg === 'string') ?? ''
      // The last words of a process come once, and are never left out.
      if (level === 'fatal' || sampler.admits(level, message as string)) {
        method.apply(this, args as never[])
      } else sampledOut.set(level, (sampledOut.get(level) ?? 0) + 1)
    }
  }
}

/** What an error is to a reader of JSON; other values are left as they are. */
function errorFields(error: unknown, withStack: boolean): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack } = error
  return { type: name, message, ...(withStack && { stack }) }
}

/** A logger without what can change later. */
export function createLogger(options: Partial<LogOptions>, to?: DestinationStream): Logger {
  return new Logs(options, to).logger
}

/**
 * One line of JSON as one line of text; details follow the message as `key=value`, and, when it is
 * wanted, an error's stack on lines of its own.
 */
export function consoleLine(json: string, withStack = false): string {
  const { ts, level, component, msg, signal, to, pipeline, ...details } = JSON.parse(json)
  const fields = Object.entries(details).map(([key, value]) => `${key}=${plain(value)}`)
  const who = component === undefined ? [] : [of(component, pipeline)]
  const parts = [ts, String(level).toUpperCase().padEnd(5), ...who, msg ?? '']
  const line = [...parts, fields.join(' ')].filter((part) => part !== '').join('  ')
  return withStack ? `${line}\n${stackOf(details.error)}` : `${line}\n`
}

function stackOf(error: unknown): string {
  const { stack } = (error ?? {}) as { stack?: unknown }
  return typeof stack === 'string' ? `${stack.replace(/^/gm, '    ')}\n` : ''
}

/** Only processors exist once a pipeline; the others' names are clear without their signal. */
function of(component: string, pipeline: unknown): string {
  return pipeline === undefined ? component : `${component} (${String(pipeline)})`
}

function plain(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    // An error's stack is for JSON; a person gets what happened.
    const { message } = value as { message?: unknown }
    return typeof message === 'string' ? JSON.stringify(message) : compact(value)
  }
  return typeof value === 'string' && /[\s="]/.test(value) ? JSON.stringify(value) : String(value)
}

/** `{receiver/ebpf:{in:7,out:7},exporter/otlp:{in:7}}`: without what is 0 or empty. */
function compact(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = Object.entries(value)
    .map(([key, item]) => [key, compact(item)] as const)
    .filter(([, text]) => text !== '0' && text !== '{}')
  return `{${entries.map(([key, text]) => `${key}:${text}`).join(',')}}`
}
