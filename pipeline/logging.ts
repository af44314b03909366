/**
 * flowspan's own log, on stderr: JSON lines, or lines for people.
 *
 *     2026-08-24T02:11:05.123Z  WARN  exporter/otlp  Data lost  reason=queue_full lost=120
 */
import pino, { type DestinationStream, type Logger } from 'pino'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly encoding: 'console' | 'json'
}

const STDERR = 2

/** Writes are synchronous, so that the last line of a process that ends is not lost. */
export function createLogger(options: LogOptions, to: DestinationStream = stderr()): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.encoding === 'json' ? to : { write: (line) => to.write(consoleLine(line)) },
  )
}

function stderr(): DestinationStream {
  return pino.destination({ fd: STDERR, sync: true })
}

/** One line of JSON as one line of text; details follow the message as `key=value`. */
export function consoleLine(json: string): string {
  const { ts, level, component, msg, signal, to, pipeline, ...details } = JSON.parse(json)
  const fields = Object.entries(details).map(([key, value]) => `${key}=${plain(value)}`)
  const who = component === undefined ? [] : [of(component, pipeline)]
  const parts = [ts, String(level).toUpperCase().padEnd(5), ...who, msg ?? '']
  return `${[...parts, fields.join(' ')].filter((part) => part !== '').join('  ')}\n`
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
