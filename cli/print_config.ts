/** `flowspan print-config`: the configuration with everything merged, expanded and filled in. */
import { stringify } from 'yaml'
import { effectiveConfig } from '../pipeline/config/effective.ts'
import { decodeConfig } from '../pipeline/config/load.ts'
import { ConfigError } from '../pipeline/config/problems.ts'
import { type ConfigArguments, type Resolved, resolveConfig } from '../pipeline/config/resolve.ts'
import type { Program } from './run.ts'

export interface PrintOptions {
  readonly mode: string
  readonly format: string
  /** Whether rules between options and sections are checked, beyond names and types. */
  readonly validate: boolean
}

export async function printConfig(
  args: ConfigArguments,
  { factories }: Program,
  { mode, format, validate }: PrintOptions,
): Promise<string> {
  const print = PRINTERS[format.toLowerCase()]
  if (!MODES.includes(mode.toLowerCase())) {
    throw new Error(`invalid mode "${mode}": modes are: ${MODES.join(', ')}`)
  }
  if (print === undefined) throw new Error(`unrecognized print format: ${format}`)
  const resolved = await resolveConfig(args, process.env)
  check(resolved, { factories, validate })
  const unredacted = mode.toLowerCase() === 'unredacted'
  return print(effectiveConfig(resolved, { factories, unredacted }))
}

const MODES = ['redacted', 'unredacted']

const PRINTERS: { readonly [format: string]: (config: object) => string } = {
  yaml: (config) => stringify(config, { aliasDuplicateObjects: false, lineWidth: 0 }),
  json: (config) => `${JSON.stringify(config, null, 2)}\n`,
}

function check(resolved: Resolved, options: Pick<Program, 'factories'> & { validate: boolean }) {
  try {
    decodeConfig(resolved, options)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const prefix = options.validate ? 'invalid configuration: ' : 'failed to get config: '
    throw new Error(`${prefix}${error.message}`, { cause: error })
  }
}
