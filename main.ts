/** The program: every component there is, and the command line. */
import { readFileSync } from 'node:fs'
import { main } from './cli/main.ts'
import { COMPONENTS } from './components.ts'

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))

await main(process.argv.slice(2), { factories: COMPONENTS, version })
