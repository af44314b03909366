/** The help texts, from the table of commands. */
import { FeatureGates } from '../pipeline/config/feature_gates.ts'
import { COMMANDS, type Command } from './commands.ts'
import type { Flag } from './flags.ts'

export const HELP: Flag = { name: 'help', short: 'h', kind: 'switch', help: 'Help for flowspan' }
export const VERSION: Flag = {
  name: 'version',
  short: 'v',
  kind: 'switch',
  help: 'Version of flowspan',
}

export function generalHelp(): string {
  const commands = COMMANDS.map(({ name, summary }) => [name, summary] as const)
  return `flowspan turns the TCP connections and requests of this host into OpenTelemetry data.

Usage:
  flowspan <command> [flags]
  flowspan --config URI [flags of run]

Commands:
${columns(commands)}

Flags:
${flagLines([{ ...HELP, help: 'Help for flowspan, or for a command' }, VERSION])}

Use "flowspan <command> --help" for what a command takes.
`
}

export function commandHelp({ name, aliases = [], help, takes, flags }: Command): string {
  const usage = ['flowspan', name, takes?.usage, '[flags]'].filter(Boolean).join(' ')
  const also = aliases.length === 0 ? '' : `\nAliases:\n  ${[name, ...aliases].join(', ')}\n`
  const own = [...flags(new FeatureGates()), { ...HELP, help: `Help for ${name}` }]
  return `${help}

Usage:
  ${usage}
${also}
Flags:
${flagLines(own)}
`
}

function flagLines(flags: readonly Flag[]): string {
  return columns(
    flags.map(({ name, short, takes, help }) => {
      const dash = short === undefined ? '    ' : `-${short}, `
      return [`${dash}--${name}${takes === undefined ? '' : ` ${takes}`}`, help] as const
    }),
  )
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`).join('\n')
}
