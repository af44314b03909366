/** The program: every component there is, and the command line. */
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

// Beside this file in the source tree; above it, in dist/, where the package is installed.
const manifest = findPackageJSON(import.meta.url) as string
const { version } = JSON.parse(readFileSync(manifest, 'utf8'))

// Imported here, and not above, so that an incomplete installation is one line and no stack.
const modules = Promise.all([import('./cli/main.ts'), import('./components.ts')])
const [{ main }, { COMPONENTS }] = await modules.catch(explain)

await main(process.argv.slice(2), { factories: COMPONENTS, version })

function explain(error: Error): never {
  // koffi's native library is an optional dependency of koffi's, as Node is one of flowspan's.
  if (!/native koffi module/i.test(error.message)) throw error
  process.stderr.write(
    'Error: koffi, which flowspan calls libbpf with, is installed without its native library. ' +
      'Install flowspan with optional dependencies: npm install --include=optional\n',
  )
  process.exit(1)
}
