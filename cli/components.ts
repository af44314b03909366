import { stringify } from 'yaml'
import { type ConnectorFactory, type Factory, KINDS } from '../pipeline/component.ts'
import { SCHEMES } from '../pipeline/config/providers.ts'
import type { Program } from './run.ts'

/** The components as YAML, in the Collector's form. */
export function componentsText({ factories, version }: Program): string {
  const buildinfo = {
    command: 'flowspan',
    description: 'Kernel TCP flows to OpenTelemetry traces and metrics',
    version,
  }
  const kinds = KINDS.map((kind) => [`${kind}s`, factories.list(kind).map(describe)])
  const providers = SCHEMES.map((scheme) => ({ scheme, module: 'pipeline/config/providers.ts' }))
  return stringify({ buildinfo, ...Object.fromEntries(kinds), providers })
}

function describe(factory: Factory): object {
  const { kind, type, aliases, stability } = factory
  const graded = `${stability.charAt(0).toUpperCase()}${stability.slice(1)}`
  const signals = Object.fromEntries(signalsOf(factory).map((signal) => [signal, graded]))
  return { name: type, ...(aliases && { aliases }), module: `${kind}s/${type}`, stability: signals }
}

function signalsOf(factory: Factory): string[] {
  if (factory.kind === 'extension') return ['extension']
  if (factory.kind !== 'connector') return Object.keys(factory.create)
  const { create } = factory as ConnectorFactory
  return Object.entries(create).flatMap(([from, to]) =>
    Object.keys(to).map((t) => `${from}-to-${t}`),
  )
}
