/**
 * Runs all tests: `npm test`; `npm test -- stitch otlp` runs the files whose path has either word.
 *
 * Two rounds: what stands for itself first, two files at a time; then, one by one, the files that
 * load programs into the kernel or make network namespaces, as all of these see the same host.
 * Skipped tests are named at the end. Where CI is true, none may be.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const ROOT = join(import.meta.dirname, '..')

/** Folders whose tests see each other's connections, or load the machine. */
const ONE_BY_ONE = [
  'test/bpf/',
  'test/cli/',
  'test/e2e/',
  'test/kit/',
  'test/package/',
  'test/receivers/ebpf/',
]

/** A file that takes longer hangs. */
const FILE_TIMEOUT_MS = 15 * 60_000

/** Reasons for which a test may be skipped even in CI: what a CI machine cannot have. */
const ALLOWED_IN_CI: readonly RegExp[] = []

/** Node's own closing lines, in its order. */
const TOTALS = ['tests', 'suites', 'passed', 'failed', 'cancelled', 'skipped', 'todo'] as const
const TITLES: Partial<Record<string, string>> = { passed: 'pass', failed: 'fail' }

interface Skip {
  readonly name: string
  readonly file: string
  readonly reason: string
}

const totals = new Map<string, number>(TOTALS.map((name) => [name, 0]))
const skips: Skip[] = []
const reporter = new spec()

async function runFiles(files: readonly string[], concurrency: number): Promise<void> {
  if (files.length === 0) return
  const events = run({ files: [...files], concurrency, cwd: ROOT, timeout: FILE_TIMEOUT_MS })
  for await (const event of events) {
    // One round's totals; the sum of both rounds is printed at the end.
    if (event.type === 'test:summary' && event.data.file === undefined) addTotals(event.data.counts)
    else if (event.type === 'test:diagnostic' && isTotal(event.data)) continue
    else {
      if (event.type === 'test:pass' && event.data.skip !== undefined) note(event.data)
      reporter.write(event)
    }
  }
}

function addTotals(counts: object): void {
  for (const [name, count] of Object.entries(counts)) {
    totals.set(name, (totals.get(name) ?? 0) + Number(count))
  }
}

function isTotal(data: { file?: string | undefined; message: string }): boolean {
  return data.file === undefined && /^[a-z_]+ [\d.]+$/.test(data.message)
}

function note(data: { name: string; file?: string | undefined; skip?: string | boolean }): void {
  const reason = typeof data.skip === 'string' ? data.skip : 'no reason given'
  skips.push({ name: data.name, file: data.file?.replace(`${ROOT}/`, '') ?? '', reason })
}

function close(startedMs: number): void {
  const say = (message: string) =>
    reporter.write({ type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } })
  for (const name of TOTALS) say(`${TITLES[name] ?? name} ${totals.get(name)}`)
  say(`duration_ms ${Math.round(performance.now() - startedMs)}`)
  for (const { name, file, reason } of skips) say(`skipped: ${name} (${file}): ${reason}`)
}

const startedMs = performance.now()
const wanted = process.argv.slice(2)
const files = globSync('test/**/*.test.ts', { cwd: ROOT })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
const isLast = (file: string) => ONE_BY_ONE.some((folder) => file.startsWith(folder))
reporter.pipe(process.stdout)
await runFiles(
  files.filter((file) => !isLast(file)),
  2,
)
await runFiles(files.filter(isLast), 1)
close(startedMs)

const forbidden = skips.filter(({ reason }) => !ALLOWED_IN_CI.some((rule) => rule.test(reason)))
reporter.end(() => {
  if (files.length === 0) console.error(`No test file matches: ${wanted.join(' ')}`)
  const skipsFail = process.env.CI === 'true' && forbidden.length > 0
  if (skipsFail) console.error(`${forbidden.length} tests were skipped, which CI does not allow`)
  const failed = (totals.get('failed') ?? 0) + (totals.get('cancelled') ?? 0)
  process.exitCode = failed > 0 || skipsFail || files.length === 0 ? 1 : 0
})
