/** The tests of the receiver that are worth their time on an emulated machine, and their sum. */
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const ROOT = join(import.meta.dirname, '../..')
const FILE_TIMEOUT_MS = 150_000

/** Files, and of each those tests that a kernel can make a difference to. */
const TESTS: readonly (readonly [file: string, names: RegExp])[] = [
  ['test/bpf/hooks.test.ts', /./],
  [
    'test/bpf/payload.test.ts',
    /seed 1|sendfile|kept connection|memory|handed over|many buffers|long/,
  ],
  ['test/bpf/http2_frames.test.ts', /./],
  ['test/bpf/connections.test.ts', /127\.0\.0\.1|closes_first|lingers|reader|refused/],
  ['test/bpf/wants.test.ts', /before the position|as many bytes/],
  ['test/receivers/ebpf/kernel_http.test.ts', /127\.0\.0\.1|caused/],
]

/** How a file's process ended, which the reporter does not tell. */
function explain(error: object): void {
  const { exitCode, signal } = error as { exitCode?: number; signal?: string }
  if (exitCode !== undefined) console.log(`The process ended with ${signal ?? exitCode}`)
}

let passed = 0
let failed = 0
for (const [file, names] of TESTS) {
  const files = [join(ROOT, file)]
  const events = run({ files, testNamePatterns: [names], timeout: FILE_TIMEOUT_MS, cwd: ROOT })
  let ran = 0
  const reporter = new spec()
  reporter.pipe(process.stdout, { end: false })
  for await (const event of events) {
    if (event.type === 'test:diagnostic') continue
    if (event.type === 'test:summary' && event.data.file === undefined) {
      const { counts } = event.data
      ran = counts.passed
      failed += counts.failed + counts.cancelled + counts.skipped
    }
    if (event.type === 'test:fail') explain(event.data.details.error)
    reporter.write(event)
  }
  if (ran === 0) {
    console.log(`No test of ${file} was run`)
    failed++
  }
  passed += ran
}
console.log(
  `${passed} tests passed, ${failed} did not, in ${Math.round(performance.now() / 1000)} s`,
)
process.exitCode = failed > 0 ? 1 : 0
