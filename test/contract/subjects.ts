/** One thing to test: a component with the signal that it takes, or for a receiver gives. */
import {
  type ConnectorFactory,
  type Factory,
  type Kind,
  SIGNALS,
  type Signal,
} from '../../pipeline/component.ts'

export interface Subject {
  /** `exporter/otlp/traces`, `connector/flow_spans/flows-to-traces`, `extension/basicauth`. */
  readonly name: string
  readonly factory: Factory
  /** `exporter/otlp`. */
  readonly component: string
  readonly kind: Kind
  /** What it takes; a receiver takes none. */
  readonly takes?: Signal
  /** What it gives; exporters and extensions give none. */
  readonly gives?: Signal
}

/** Every subject of a component. */
export function subjectsOf(factory: Factory): Subject[] {
  const { kind, type } = factory
  const component = `${kind}/${type}`
  const base = { factory, component, kind }
  if (kind === 'extension') return [{ ...base, name: component }]
  if (kind === 'connector') {
    const { create } = factory as ConnectorFactory
    return SIGNALS.flatMap((takes) =>
      SIGNALS.filter((gives) => create[takes]?.[gives] !== undefined).map((gives) => ({
        ...base,
        name: `${component}/${takes}-to-${gives}`,
        takes,
        gives,
      })),
    )
  }
  return SIGNALS.filter((signal) => signal in factory.create).map((signal) => ({
    ...base,
    name: `${component}/${signal}`,
    ...(kind !== 'receiver' && { takes: signal }),
    ...(kind !== 'exporter' && { gives: signal }),
  }))
}
