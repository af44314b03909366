import { stringify } from 'yaml'
import { type ConnectorFactory, type Factory, KINDS } from '../pipeline/component.ts'
import type { Program } from './run.ts'

/** The components as YAML, in the Collector's form. */
export function componentsText({ factories, version }: Program): string {
  const buildinfo = {
    command: 'flowspan',
    description: 'Kernel TCP flows to OpenTelemetry traces and metrics',
    version,
  }
  const kinds = KINDS.map((kind) => [`${kind}s`, factories.list(kind).map(describe)])
  return stringify({ buildinfo, ...Object.fromEntries(kinds) })
}

function describe(factory: Factory): object {
  const { type, aliases, stability } = factory
  const signals = Object.fromEntries(signalsOf(factory).map((signal) => [signal, stability]))
  return { name: type, ...(aliases && { aliases }), stability: signals }
}

function signalsOf(factory: Factory): string[] {
  if (factory.kind === 'extension') return ['extension']
  if (factory.kind !== 'connector') return Object.keys(factory.create)
  const { create } = factory as ConnectorFactory
  return Object.entries(create).flatMap(([from, to]) =>
    Object.keys(to).map((t) => `${from}-to-${t}`),
  )
}
