/**
 * `npm run test:kernels`: boots other kernels, all at once, and runs the receiver's tests inside.
 * With versions as arguments, those alone: npm run test:kernels -- 6.1
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runGuest } from './guest.ts'
import { writeJavaScript } from './javascript.ts'
import { ensureKernel, KERNELS, type Kernel, type KernelFiles } from './kernels.ts'

const INSIDE = join(import.meta.dirname, 'inside.sh')
/** Of one kernel that hangs: three minutes are usual, ten where the machine has other work. */
const LIMIT_MS = 20 * 60_000

const wanted = process.argv.slice(2)
const kernels = KERNELS.filter(({ version }) => wanted.length === 0 || wanted.includes(version))
if (kernels.length === 0) {
  console.error(`Error: no kernel is ${wanted}: there are ${KERNELS.map((k) => k.version)}`)
  process.exit(1)
}

// Not of the tests' own kind: those sweep what no process of the same machine has.
const folder = mkdtempSync(join(tmpdir(), 'flowspan-javascript-'))
try {
  const command = `${INSIDE} ${writeJavaScript(folder)}`
  // One after the other: of two apt-get's one fails.
  const files: KernelFiles[] = []
  for (const kernel of kernels) files.push(await ensureKernel(kernel))
  await Promise.all(kernels.map((kernel, i) => test(kernel, files[i] as KernelFiles, command)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function test({ version }: Kernel, files: KernelFiles, command: string): Promise<void> {
  const startedMs = performance.now()
  const line = (text: string) => console.log(`${version.padEnd(5)} ${text}`)
  const options = { command, limitMs: LIMIT_MS, line }
  const status = await runGuest(files, options).catch((error: Error) => error.message)
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  line(`Linux ${version} ${status === 0 ? 'passed' : `FAILED (${status})`}, ${seconds} s`)
  if (status !== 0) process.exitCode = 1
}
