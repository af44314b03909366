/** Has Node take what javascript.ts wrote wherever a source of this tree is imported. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const WRITTEN = join(import.meta.dirname, '../..')
/** Of the guest's first Node and of those that the tests start: inside.sh says it. */
const TREE = pathToFileURL(`${process.env.FLOWSPAN_TREE}/`).href

registerHooks({
  load(url, context, next) {
    if (!url.startsWith(TREE) || !url.endsWith('.ts')) return next(url, context)
    const file = join(WRITTEN, `${url.slice(TREE.length)}.js`)
    return { format: 'module', shortCircuit: true, source: readFileSync(file, 'utf8') }
  },
})
