/** Exporters that send, started and ended with their test, and what one needs to try them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import pino from 'pino'
import type { Settings } from '../../pipeline/component.ts'
import type { OtlpExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { hostOf, settingsOf, type TestHost } from '../pipeline/surroundings.ts'

export const FAST_RETRY = {
  initial_interval: '20ms',
  max_interval: '50ms',
  max_elapsed_time: '10s',
}

export interface Running {
  readonly exporter: OtlpExporter
  readonly ledger: Ledger
  /** Lines of JSON. */
  readonly log: string[]
  readonly host: TestHost
}

/** An exporter that has been started, with its books and its log; shut down when the test ends. */
export async function running(
  t: TestContext,
  make: (settings: Settings) => OtlpExporter,
  over: Partial<Settings> & { host?: TestHost } = {},
): Promise<Running> {
  const log: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) })
  const ledger = new Ledger(logger)
  const { host = hostOf(), ...settings } = over
  const exporter = make(settingsOf({ id: 'otlp', logger, ledger, version: '1.2.3', ...settings }))
  ledger.heldBy = () => exporter.held?.() ?? 0
  await exporter.start?.(host)
  t.after(() => exporter.shutdown?.(AbortSignal.timeout(2000)))
  return { exporter, ledger, log, host }
}

export function spans(count: number, name = 'GET /'): OtlpBatch {
  return namedSpans(...Array.from({ length: count }, () => name))
}

export function namedSpans(...names: string[]): OtlpBatch {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.beginScope('test', '')
  for (const name of names) {
    writer.beginSpan()
    writer.name(name)
  }
  return writer.finish()
}

export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((r) => setTimeout(r, 10))
  assert.ok(condition(), `waited in vain for ${condition}`)
}

/** A certificate for `backend.test` and 127.0.0.1 that is its own CA; else skips the test. */
export function certificate(t: TestContext): { key: string; cert: string } | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-tls-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const files = { key: join(directory, 'key.pem'), cert: join(directory, 'cert.pem') }
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const names = ['-subj', '/CN=backend', '-addext', 'subjectAltName=DNS:backend.test,IP:127.0.0.1']
  const out = ['-nodes', '-days', '2', '-keyout', files.key, '-out', files.cert]
  try {
    execFileSync('openssl', [...request, ...names, ...out], { stdio: 'pipe' })
  } catch (error) {
    if (process.env.CI) throw error
    t.skip(`openssl cannot make a certificate: ${(error as Error).message}`)
    return undefined
  }
  return files
}
