/**
 * The sources as JavaScript, made before a guest boots: Node strips types by WebAssembly, which in
 * a guest takes longer than most tests, and which `--jitless` does not have.
 *
 * Without a JIT as well: emulated, V8 loses track of compiled code now and then ("Check failed:
 * it->second.Size() > offset"), and what runs for seconds gains nothing by it.
 *
 *     <folder>/test/kernels/load.ts.js    a source, and what has Node take it instead of the other
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const OTHERS = new Set(['node_modules', 'dist'])

/** Writes all sources of this tree to a folder; gives the options that a Node in a guest needs. */
export function writeJavaScript(folder: string): string {
  for (const file of globSync('**/*.ts', { cwd: ROOT, exclude: (name) => OTHERS.has(name) })) {
    const target = join(folder, `${file}.js`)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, stripTypeScriptTypes(readFileSync(join(ROOT, file), 'utf8')))
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return `--jitless --import=${join(folder, 'test/kernels/load.ts.js')}`
}
