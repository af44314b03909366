/** The command line. Every way out of the program is here and in `run.ts`. */
import { parseArgs } from 'node:util'
import type { Factory } from '../pipeline/component.ts'
import { Factories } from '../pipeline/config/factories.ts'
import { componentsText } from './components.ts'
import { helpText } from './help.ts'
import { loadFile, loadToRun, type Program, run, validate } from './run.ts'

const OPTIONS = {
  config: { type: 'string' },
  'run-as': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** Options that a command takes beside --help. */
const COMMANDS: { readonly [command: string]: readonly string[] } = {
  run: ['config', 'run-as'],
  validate: ['config'],
  components: [],
}

/** Runs a command and ends the process: 0, or 1 after one line that begins with "Error:". */
export async function main(
  args: readonly string[],
  { factories, version }: { factories: readonly Factory[]; version: string },
): Promise<never> {
  let code = 1
  try {
    code = await command(args, { factories: new Factories(factories), version })
  } catch (error) {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  }
  process.exit(code)
}

async function command(args: readonly string[], program: Program): Promise<number> {
  const { values, positionals } = parse(args)
  const [name, extra] = positionals
  if (name !== undefined && COMMANDS[name] === undefined) {
    const known = Object.keys(COMMANDS).join(', ')
    throw new Error(`unknown command "${name}" for "flowspan"; the commands are ${known}`)
  }
  if (extra !== undefined) throw new Error(`unexpected argument "${extra}" after "${name}"`)
  if (values.help) return print(helpText(name))
  if (values.version) return print(`flowspan version ${program.version}\n`)
  if (name === undefined) throw new Error('a command is needed; see flowspan --help')
  for (const option of Object.keys(values)) {
    if (COMMANDS[name]?.includes(option)) continue
    throw new Error(`unknown flag: --${option} for "flowspan ${name}"`)
  }
  if (name === 'components') return print(componentsText(program))
  if (values.config === undefined) throw new Error('at least one config flag must be provided')
  if (name === 'validate') return await validate(await loadFile(values.config, program), program)
  const config = await loadToRun(values.config, program)
  return await run(config, { ...program, runAs: values['run-as'] })
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    // Node adds a hint on arguments that begin with a dash, which helps nobody here.
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message.split('. ')[0]}; see flowspan --help`)
  }
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}
