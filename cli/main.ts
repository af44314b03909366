/** The command line. Every way out of the program is here and in `run.ts`. */
import type { Factory } from '../pipeline/component.ts'
import { Factories } from '../pipeline/config/factories.ts'
import { FeatureGates } from '../pipeline/config/feature_gates.ts'
import { COMMANDS, type Command } from './commands.ts'
import { type Flag, isOn, parseWords, type Words } from './flags.ts'
import { commandHelp, generalHelp, HELP, VERSION } from './help.ts'
import type { Program } from './run.ts'

/** Runs a command and ends the process: 0, or 1 after a text that begins with "Error:". */
export async function main(
  args: readonly string[],
  { factories, version }: { factories: readonly Factory[]; version: string },
): Promise<never> {
  let code = 1
  try {
    const program = { factories: new Factories(factories), version, gates: new FeatureGates() }
    code = await execute(args, program)
  } catch (error) {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  }
  await flushed(process.stdout)
  process.exit(code)
}

/** What waits for the reader of a pipe would be lost by the exit, unless the reader has gone. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.once('error', () => resolve())
    stream.write('', () => resolve())
  })
}

async function execute(args: readonly string[], program: Program): Promise<number> {
  const { command, rest } = commandOf(args)
  if (command === 'help') return print(helpOn(rest))
  const flags = [...(command ?? RUN).flags(program.gates), HELP, ...(command ? [] : [VERSION])]
  const words = parseWords(rest, flags)
  if (isOn(words, 'help')) return print(command ? commandHelp(command) : generalHelp())
  if (isOn(words, 'version')) return print(`flowspan version ${program.version}\n`)
  checkPositionals(words, command)
  const result = await (command ?? RUN).run(words, program)
  return typeof result === 'number' ? result : print(result)
}

/** What a command line without a command is. */
const RUN = find('run') as Command

function find(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name || command.aliases?.includes(name))
}

/** The command is the first word that is neither a flag nor a flag's value. */
function commandOf(args: readonly string[]): { command?: Command | 'help'; rest: string[] } {
  const rest = [...args]
  const at = rest.findIndex((word, i) => !word.startsWith('-') && !isValue(rest[i - 1]))
  const name = rest[at]
  if (name === undefined || rest.slice(0, at).includes('--')) return { rest }
  const command = name === 'help' ? name : find(name)
  if (command === undefined) throw unknownCommand(name)
  rest.splice(at, 1)
  return { command, rest }
}

const ALL_FLAGS: readonly Flag[] = [
  ...COMMANDS.flatMap((command) => command.flags(new FeatureGates())),
  HELP,
  VERSION,
]

/** Whether the word after this one is its value: after any flag that is no switch, known or not. */
function isValue(word: string | undefined): boolean {
  if (word === undefined || !/^(--[^=]+|-[^-=])$/.test(word)) return false
  const name = word.replace(/^--?/, '')
  const flag = ALL_FLAGS.find((f) => (word.startsWith('--') ? f.name : f.short) === name)
  return flag?.kind !== 'switch'
}

function unknownCommand(name: string): Error {
  const near = COMMANDS.filter(({ name: known }) => isNear(name, known)).map((c) => `\t${c.name}\n`)
  const suggestion = near.length === 0 ? '' : `\n\nDid you mean this?\n${near.join('')}`
  return new Error(
    `unknown command "${name}" for "flowspan"${suggestion}\nRun 'flowspan --help' for usage.`,
  )
}

/** At most two letters away, or the beginning of it. */
function isNear(name: string, known: string): boolean {
  return known.startsWith(name.toLowerCase()) || distance(name.toLowerCase(), known) <= 2
}

/** Levenshtein's, row by row. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const changed = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

function checkPositionals({ positionals }: Words, command: Command | undefined): void {
  const given = positionals.length
  const max = command?.takes?.max ?? 0
  if (given <= max) return
  if (command === undefined) throw unknownCommand(positionals[0] as string)
  throw new Error(
    max === 0
      ? `accepts 0 arg(s), received ${given}`
      : `accepts at most ${max} arg(s), received ${given}`,
  )
}

function helpOn([name]: readonly string[]): string {
  if (name === undefined) return generalHelp()
  const command = find(name)
  if (command === undefined) throw unknownCommand(name)
  return commandHelp(command)
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}
