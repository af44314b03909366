/** The modules that the program consists of, and the packages that these import. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
/** `import … from 'x'`, `export … from 'x'` and `import('x')`. */
const IMPORT =
  /^(?:import|export)\s(type\s)?(?:[^'"]*?\sfrom )?'([^']+)'|(?<![\w.])import\('([^']+)'\)/gms

export interface Modules {
  /** Paths from the root, of all that `main.ts` reaches, if only for a type: tsc emits all. */
  readonly files: readonly string[]
  /** `pino`, `@grpc/grpc-js`, …; without Node's own, and without those only typed with. */
  readonly packages: readonly string[]
}

/** Walks the sources from `main.ts` on. */
export function programModules(): Modules {
  const files = new Set<string>()
  const packages = new Set<string>()
  const open = ['main.ts']
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    files.add(file)
    for (const [, type, by, late] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
      const specifier = (by ?? late) as string
      if (specifier.startsWith('.')) open.push(normalize(join(dirname(file), specifier)))
      else if (!specifier.startsWith('node:') && !type) packages.add(packageOf(specifier))
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() }
}

/** `@grpc/grpc-js/build/x` belongs to `@grpc/grpc-js`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
