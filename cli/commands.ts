/** The commands: what they are called, which flags they take, what they do. */
import { APPEND_LISTS, type FeatureGates } from '../pipeline/config/feature_gates.ts'
import { type ConfigArguments, parseSet } from '../pipeline/config/resolve.ts'
import { configSchema } from '../pipeline/config/schema.ts'
import { componentsText } from './components.ts'
import { featureGatesText, featureGateText } from './feature_gates.ts'
import { type Flag, isOn, type Words } from './flags.ts'
import { loadConfig } from './load.ts'
import { printConfig } from './print_config.ts'
import { probe } from './probe.ts'
import { record } from './record.ts'
import { replay } from './replay.ts'
import { type Program, run, validate } from './run.ts'

export interface Command {
  readonly name: string
  readonly aliases?: readonly string[]
  /** A line in the list of all commands. */
  readonly summary: string
  /** What its own help says, above the usage. */
  readonly help: string
  /** What it takes beside flags: as the usage shows it, and how many at most. */
  readonly takes?: { readonly usage: string; readonly max: number }
  flags(gates: FeatureGates): readonly Flag[]
  /** Answers with what it prints, or the exit code. */
  run(words: Words, program: Program): Promise<string | number>
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'Run the pipelines of a configuration',
    help: `Runs the pipelines of a configuration until SIGTERM or SIGINT, then drains them.
"flowspan --config FILE" does the same.

Exit code 0 after a clean shutdown, 1 when it cannot start or shut down cleanly.`,
    flags: (gates) => [...configFlags(gates), RUN_AS],
    run: async (words, program) => {
      const args = configArguments(words, program)
      return await run(args, { ...program, runAs: words.values.get('run-as')?.at(-1) })
    },
  },
  {
    name: 'validate',
    summary: 'Check a configuration without running it',
    help: `Checks a configuration and builds its pipelines without starting them.
Prints nothing and exits 0 if all is well, else names every problem and exits 1.`,
    flags: configFlags,
    run: async (words, program) => {
      return await validate(await loadConfig(configArguments(words, program), program), program)
    },
  },
  {
    name: 'print-config',
    aliases: ['print-initial-config'],
    summary: 'Print a configuration with everything merged and filled in',
    help: `Prints the configuration that takes effect: all sources merged, everything expanded, and
every option with its default. Tokens, passwords and headers are shown as [REDACTED], unless
--mode is unredacted.`,
    flags: (gates) => [...configFlags(gates), ...PRINT_FLAGS],
    run: async (words, program) => {
      return await printConfig(configArguments(words, program), program, {
        mode: words.values.get('mode')?.at(-1) ?? 'redacted',
        format: words.values.get('format')?.at(-1) ?? 'yaml',
        validate: isOn(words, 'validate', true),
      })
    },
  },
  {
    name: 'replay',
    summary: 'Print the traces or exchanges in a capture or a recording',
    help: `Reads a capture (pcap or pcapng, as tcpdump and Wireshark write it; - for standard input)
or a recording of flowspan's own ("flowspan record"), and prints the requests in it: as trace
trees, or as JSON, one connection or exchange a line.
Needs no privileges. What is wrong with the file is said on standard error.

Exit code 0 if the file was read to its end, 1 otherwise.`,
    takes: { usage: 'FILE', max: 1 },
    flags: () => REPLAY_FLAGS,
    run: async ({ positionals: [file], values }, program) => {
      if (file === undefined) throw new Error('accepts 1 arg(s), received 0: name a capture file')
      const value = (name: string) => values.get(name)?.at(-1)
      return await replay(file, program, {
        format: value('format') ?? 'tree',
        ends: value('ends'),
        query: value('query'),
      })
    },
  },
  {
    name: 'record',
    summary: 'Record what the kernel tells of this host, to be replayed',
    help: `Captures for a while, and writes what the kernel tells to a file, as raw as it comes:
"flowspan replay FILE" makes rows and traces of it, as often as one likes and anywhere.
The file holds beginnings of requests and responses, with what is secret in them. It is made with
mode 0600; one that is there already becomes FILE.1. Needs what capturing needs: root.

Exit code 0 if all was recorded, 1 otherwise.`,
    takes: { usage: 'FILE', max: 1 },
    flags: () => [...RECORD_FLAGS, RUN_AS],
    run: async ({ positionals: [file], values }, program) => {
      if (file === undefined) throw new Error('accepts 1 arg(s), received 0: name a file to write')
      const value = (name: string) => values.get(name)?.at(-1)
      return await record(file, program, {
        duration: value('duration') ?? '1m',
        maxMib: value('max-mib') ?? '256',
        runAs: value('run-as'),
      })
    },
  },
  {
    name: 'probe',
    summary: 'Print what can be seen on this host, and by which hooks of its kernel',
    help: `Tries every signal on this host, the hook that costs least first, and prints a table:
what works, by which hook, and why not by another. Starts no pipeline and captures nothing.
Needs what capturing needs: root, or CAP_BPF and CAP_PERFMON.

Exit code 0 if every signal can be seen, 1 otherwise.`,
    flags: () => PROBE_FLAGS,
    run: async ({ values }, program) => {
      return await probe(program, values.get('format')?.at(-1) ?? 'text')
    },
  },
  {
    name: 'schema',
    summary: 'Print the JSON Schema of a configuration, for editors',
    help: `Prints one JSON Schema (draft 2020-12) of a whole configuration, with every component.
Editors check and complete a file that begins with
# yaml-language-server: $schema=flowspan.schema.json`,
    flags: () => [],
    run: async (_, { factories }) => `${JSON.stringify(configSchema(factories), null, 2)}\n`,
  },
  {
    name: 'components',
    summary: 'List the components that can be configured',
    help: `Lists the components that can be configured, with their stability, as YAML.
The format is not stable and can change between releases.`,
    flags: () => [],
    run: async (_, program) => componentsText(program),
  },
  {
    name: 'featuregate',
    summary: 'List the feature gates',
    help: 'Lists the feature gates and whether they are enabled, or tells all about one.',
    takes: { usage: '[feature-id]', max: 1 },
    flags: (gates) => [featureGates(gates)],
    run: async ({ positionals: [id] }, { gates }) => {
      return id === undefined ? featureGatesText(gates) : featureGateText(gates, id)
    },
  },
]

const PRINT_FLAGS: readonly Flag[] = [
  {
    name: 'mode',
    kind: 'text',
    takes: 'MODE',
    help: 'redacted (default) or unredacted, which shows secrets',
  },
  { name: 'format', kind: 'text', takes: 'FORMAT', help: 'yaml (default) or json' },
  {
    name: 'validate',
    kind: 'switch',
    help: 'Check rules between options and sections too (default true; --validate=false)',
  },
]

const PROBE_FLAGS: readonly Flag[] = [
  { name: 'format', kind: 'text', takes: 'FORMAT', help: 'text (default) or json' },
]

const RECORD_FLAGS: readonly Flag[] = [
  {
    name: 'duration',
    kind: 'text',
    takes: 'DURATION',
    help: 'For how long (default 1m); 0: until it is interrupted',
  },
  {
    name: 'max-mib',
    kind: 'text',
    takes: 'MIB',
    help: 'How large the file may become (default 256); then the recording ends',
  },
]

const REPLAY_FLAGS: readonly Flag[] = [
  { name: 'format', kind: 'text', takes: 'FORMAT', help: 'tree (default) or json' },
  {
    name: 'ends',
    kind: 'text',
    takes: 'ENDS',
    help: 'Of captures, whose view: auto (default; the capturing host if known), both, client, server',
  },
  {
    name: 'query',
    kind: 'text',
    takes: 'POLICY',
    help: 'What becomes of queries in targets: redact (default; of a recording as it was), drop, keep',
  },
]

const RUN_AS: Flag = {
  name: 'run-as',
  kind: 'text',
  takes: 'USER',
  help: 'Whom the pipelines run as, once what needs root is open (default nobody)',
}

function configFlags(gates: FeatureGates): Flag[] {
  return [
    {
      name: 'config',
      kind: 'list',
      takes: 'URI',
      help: 'A file, or file:PATH, env:NAME, yaml:TEXT; may be repeated, later ones count more',
    },
    {
      name: 'set',
      kind: 'list',
      takes: 'KEY=VALUE',
      help: 'One option, after all --config, such as --set exporters.otlp.timeout=2s',
      take: parseSet,
    },
    featureGates(gates),
  ]
}

function featureGates(gates: FeatureGates): Flag {
  return {
    name: 'feature-gates',
    kind: 'list',
    takes: 'GATES',
    help: 'Gates to enable (gate, +gate) and disable (-gate), with commas between them',
    take: (value) => gates.set(value),
  }
}

/** Throws when there is no `--config` and no `--set`. */
function configArguments({ values }: Words, { gates }: Program): ConfigArguments {
  const uris = values.get('config') ?? []
  const sets = values.get('set') ?? []
  if (uris.length + sets.length === 0) {
    throw new Error('at least one config flag must be provided')
  }
  return { uris, sets, appendLists: gates.isEnabled(APPEND_LISTS) }
}
