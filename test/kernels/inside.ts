/**
 * The tests of the receiver that are worth their time on an emulated machine, and their sum. All in
 * this one process: to start Node and to read its modules takes as long as many of them.
 */
import { once } from 'node:events'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'

const ROOT = join(import.meta.dirname, '../..')
/** Of a test that hangs. */
const TEST_TIMEOUT_MS = 180_000

/**
 * Files, and of each those tests that a kernel can make a difference to: a suite's whole name, or
 * the names of some behind it. As all are looked for in all files, no pattern may fit elsewhere.
 */
const TESTS: readonly (readonly [file: string, names: RegExp])[] = [
  ['test/bpf/hooks.test.ts', /^every signal is seen/],
  [
    'test/bpf/payload.test.ts',
    /^payload .*(seed 1|sendfile|kept connection|memory|handed over|long head)/,
  ],
  ['test/bpf/http2_frames.test.ts', /^frames of HTTP\/2$/],
  ['test/bpf/connections.test.ts', /^connections .*(127\.0\.0\.1|_first|lingers|reader|refused)/],
  [
    'test/bpf/identity.test.ts',
    /^identities .*(told once|when its record|too deep|begins is told)/,
  ],
  ['test/bpf/wants.test.ts', /^wants .*(before the position|as many bytes)/],
  ['test/bpf/udp.test.ts', /^UDP$|^who answers from a well-known port/],
  ['test/receivers/ebpf/kernel_dns.test.ts', /^DNS from the kernel$/],
  [
    'test/receivers/ebpf/kernel_http.test.ts',
    /^receivers\/ebpf on the kernel .*(127\.0\.0\.1|caused)/,
  ],
]

const passed = new Map(TESTS.map(([file]) => [file, 0]))
let failed = 0

/** The last file has one suite. What failed may have left what would keep this process running. */
function isEnd({ type, data }: TestEvent): boolean {
  if (type !== 'test:pass' && type !== 'test:fail') return false
  return data.nesting === 0 && relative(ROOT, data.file ?? '') === TESTS.at(-1)?.[0]
}

const reporter = new spec()
reporter.pipe(process.stdout, { end: false })
const events = run({
  files: TESTS.map(([file]) => join(ROOT, file)),
  isolation: 'none',
  testNamePatterns: TESTS.map(([, names]) => names),
  cwd: ROOT,
  timeout: TEST_TIMEOUT_MS,
})
for await (const event of events) {
  if (event.type === 'test:diagnostic') continue
  if (event.type === 'test:pass' && event.data.details.type !== 'suite') {
    const file = relative(ROOT, event.data.file ?? '')
    if (event.data.skip === undefined) passed.set(file, (passed.get(file) ?? 0) + 1)
    else failed++
  }
  if (event.type === 'test:fail') failed++
  reporter.write(event)
  if (isEnd(event)) break
}
reporter.end()
await once(reporter, 'end')
for (const [file, count] of passed) {
  if (count > 0) continue
  console.log(`No test of ${file} passed`)
  failed++
}
const sum = [...passed.values()].reduce((all, count) => all + count, 0)
console.log(`${sum} tests passed, ${failed} did not, in ${Math.round(performance.now() / 1000)} s`)
process.exit(failed > 0 ? 1 : 0)
