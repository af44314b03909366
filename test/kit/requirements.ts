/** What the shop needs of the machine. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs, and the Debian packages that have them. */
const PROGRAMS: readonly (readonly [program: string, packageName: string])[] = [
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['nginx', 'nginx-light'],
  ['curl', 'curl'],
  ['python3', 'python3'],
]

/** One sentence that says what is missing and what to do, or undefined. */
export function missingForShop(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'Cannot make network namespaces as this is not root: run it with sudo'
  }
  const missing = PROGRAMS.filter(([program]) => !onPath(program))
  if (missing.length === 0) return undefined
  const programs = missing.map(([program]) => program).join(', ')
  const packages = missing.map(([, name]) => name).join(' ')
  return `Cannot start the shop as programs are missing: ${programs}; run apt-get install ${packages}`
}

/**
 * Why a test must be skipped, as `node:test` takes it. Where CI is set nothing is: there the test
 * runs, and fails for the reason that is given here.
 */
export function skipUnless(missing: string | undefined): string | false {
  if (missing === undefined) return false
  if (process.env.CI) return false
  return missing
}

function onPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return [...directories, '/usr/sbin', '/sbin'].some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
