/** The tests of the receiver that are worth their time on an emulated machine, and their sum. */
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const ROOT = join(import.meta.dirname, '../..')
const FILE_TIMEOUT_MS = 300_000
/**
 * On emulated processors Node traps or faults now and then, whatever it runs (QEMU 7.2). A file
 * whose process ended so has said nothing: it is run again, whole.
 */
const EMULATION_SIGNALS: readonly unknown[] = ['SIGTRAP', 'SIGILL', 'SIGSEGV']
const RUNS_MAX = 3

/** Files, and of each those tests that a kernel can make a difference to. */
const TESTS: readonly (readonly [file: string, names: RegExp])[] = [
  ['test/bpf/hooks.test.ts', /./],
  ['test/bpf/payload.test.ts', /seed 1|sendfile|kept connection|memory|handed over|long head/],
  ['test/bpf/http2_frames.test.ts', /./],
  ['test/bpf/connections.test.ts', /127\.0\.0\.1|closes_first|lingers|reader|refused/],
  ['test/bpf/identity.test.ts', /told once|when its record|too deep|begins is told/],
  ['test/bpf/wants.test.ts', /before the position|as many bytes/],
  ['test/receivers/ebpf/kernel_http.test.ts', /127\.0\.0\.1|caused/],
]

interface Result {
  passed: number
  failed: number
  /** The signal that ended the file's process. */
  signal?: unknown
}

async function runFile(file: string, names: RegExp): Promise<Result> {
  const files = [join(ROOT, file)]
  const events = run({ files, testNamePatterns: [names], timeout: FILE_TIMEOUT_MS, cwd: ROOT })
  const result: Result = { passed: 0, failed: 0 }
  const reporter = new spec()
  reporter.pipe(process.stdout, { end: false })
  for await (const event of events) {
    if (event.type === 'test:diagnostic') continue
    if (event.type === 'test:fail') {
      const { signal } = event.data.details.error as { signal?: unknown }
      if (typeof signal === 'string') result.signal = signal
    }
    if (event.type === 'test:summary' && event.data.file === undefined) {
      const { passed, failed, cancelled, skipped } = event.data.counts
      result.passed = passed
      result.failed = failed + cancelled + skipped
    }
    reporter.write(event)
  }
  return result
}

let passed = 0
let failed = 0
for (const [file, names] of TESTS) {
  let result = await runFile(file, names)
  for (let runs = 1; EMULATION_SIGNALS.includes(result.signal) && runs < RUNS_MAX; runs++) {
    console.log(`The process of ${file} ended with ${result.signal}: once more`)
    result = await runFile(file, names)
  }
  if (result.passed === 0) console.log(`No test of ${file} passed`)
  passed += result.passed
  failed += result.passed === 0 ? Math.max(1, result.failed) : result.failed
}
console.log(
  `${passed} tests passed, ${failed} did not, in ${Math.round(performance.now() / 1000)} s`,
)
process.exitCode = failed > 0 ? 1 : 0
