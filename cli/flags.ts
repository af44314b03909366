/**
 * The command line's words, read as the Collector's library reads them (pflag): `--name value`,
 * `--name=value`, `-s`, flags before and after the command, and `--` before what is no flag.
 */

export interface Flag {
  readonly name: string
  readonly short?: string
  /** A switch takes no value but after `=`; a list may be given several times. */
  readonly kind: 'switch' | 'text' | 'list'
  /** What it takes, and what it is for: a line of the help. */
  readonly takes?: string
  readonly help: string
  /** Takes note of a value at once; throws when it is wrong. */
  readonly take?: (value: string) => void
}

export interface Words {
  readonly positionals: readonly string[]
  /** Every value of each flag, by name, in order. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True']
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False']

export function parseWords(args: readonly string[], flags: readonly Flag[]): Words {
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  const rest = [...args]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      positionals.push(...rest)
      break
    }
    if (word.length < 2 || !word.startsWith('-')) {
      positionals.push(word)
      continue
    }
    const { flag, value } = flagOf(word, flags, rest)
    check(flag, word, value)
    values.set(flag.name, [...(values.get(flag.name) ?? []), value])
  }
  return { positionals, values }
}

function flagOf(word: string, flags: readonly Flag[], rest: string[]) {
  const [, dashes = '', name = '', equals, given = ''] =
    /^(--?)([^=]*)(=?)([\s\S]*)$/.exec(word) ?? []
  const flag = flags.find((f) => (dashes === '--' ? f.name : f.short) === name)
  if (flag === undefined) {
    if (dashes === '--') throw new Error(`unknown flag: --${name}`)
    throw new Error(`unknown shorthand flag: '${word[1]}' in ${word}`)
  }
  if (equals === '=') return { flag, value: given }
  if (flag.kind === 'switch') return { flag, value: 'true' }
  const value = rest.shift()
  if (value === undefined) throw new Error(`flag needs an argument: ${word}`)
  return { flag, value }
}

function check(flag: Flag, word: string, value: string): void {
  try {
    if (flag.kind === 'switch' && !TRUE.includes(value) && !FALSE.includes(value)) {
      throw new Error(`strconv.ParseBool: parsing "${value}": invalid syntax`)
    }
    flag.take?.(value)
  } catch (error) {
    const name = word.startsWith('--') ? `--${flag.name}` : `-${flag.short}, --${flag.name}`
    throw new Error(`invalid argument "${value}" for "${name}" flag: ${(error as Error).message}`)
  }
}

/** The last value of a switch, or what it is when nobody sets it. */
export function isOn({ values }: Words, name: string, unset = false): boolean {
  const value = values.get(name)?.at(-1)
  return value === undefined ? unset : TRUE.includes(value)
}
