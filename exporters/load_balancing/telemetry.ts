/** The Collector's metrics of its load-balancing exporter. */
import type { Counter, Histogram, Meter, ObservableCallback } from '@opentelemetry/api'
import type { ResolverName } from './resolvers/resolver.ts'

export class Telemetry {
  readonly #resolver: { readonly resolver: ResolverName }
  readonly #resolutions: Counter
  readonly #updates: Counter
  readonly #outcomes: Counter
  readonly #latency: Histogram
  readonly #endObserving: () => void

  constructor(meter: Meter, of: { resolver: ResolverName; backends: () => number }) {
    const attributes = { resolver: of.resolver }
    this.#resolver = attributes
    this.#resolutions = meter.createCounter('otelcol_loadbalancer_num_resolutions', {
      description: 'Number of times the resolver has triggered new resolutions.',
      unit: '{resolutions}',
    })
    this.#updates = meter.createCounter('otelcol_loadbalancer_num_backend_updates', {
      description: 'Number of times the list of backends was updated.',
      unit: '{updates}',
    })
    this.#outcomes = meter.createCounter('otelcol_loadbalancer_backend_outcome', {
      description: 'Number of successes and failures for each endpoint.',
      unit: '{outcomes}',
    })
    this.#latency = meter.createHistogram('otelcol_loadbalancer_backend_latency', {
      description: 'Response latency in ms for the backends.',
      unit: 'ms',
    })
    const gauge = meter.createObservableGauge('otelcol_loadbalancer_num_backends', {
      description: 'Current number of backends in use.',
      unit: '{backends}',
    })
    const observe: ObservableCallback = (result) => result.observe(of.backends(), attributes)
    gauge.addCallback(observe)
    this.#endObserving = () => gauge.removeCallback(observe)
  }

  /** The exporter is gone: its backends are counted no more. */
  end(): void {
    this.#endObserving()
  }

  resolved(success: boolean): void {
    this.#resolutions.add(1, { ...this.#resolver, success })
  }

  updated(): void {
    this.#updates.add(1, this.#resolver)
  }

  answered(endpoint: string, of: { success: boolean; latencyMs: number }): void {
    this.#outcomes.add(1, { endpoint, success: of.success })
    this.#latency.record(Math.round(of.latencyMs), { endpoint })
  }
}
