/**
 * `npm run test:kernels`: boots other kernels and runs the receiver's tests inside. With versions
 * as arguments, those alone: npm run test:kernels -- 6.1
 */
import { join } from 'node:path'
import { runGuest } from './guest.ts'
import { ensureKernel, KERNELS } from './kernels.ts'

const INSIDE = join(import.meta.dirname, 'inside.sh')
/** Of one kernel that hangs: two minutes are usual, four where the machine has other work. */
const LIMIT_MS = 12 * 60_000

const wanted = process.argv.slice(2)
const kernels = KERNELS.filter(({ version }) => wanted.length === 0 || wanted.includes(version))
if (kernels.length === 0) {
  console.error(`Error: no kernel is ${wanted}: there are ${KERNELS.map((k) => k.version)}`)
  process.exit(1)
}
for (const kernel of kernels) {
  const startedMs = performance.now()
  console.log(`Linux ${kernel.version}:`)
  const files = await ensureKernel(kernel)
  const line = (text: string) => console.log(`  ${text}`)
  const options = { command: INSIDE, limitMs: LIMIT_MS, line }
  const status = await runGuest(files, options).catch((error: Error) => error.message)
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  const outcome = status === 0 ? 'passed' : `FAILED (${status})`
  console.log(`Linux ${kernel.version} ${outcome}, ${seconds} s`)
  if (status !== 0) process.exitCode = 1
}
