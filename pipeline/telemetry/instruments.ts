/** What components measure themselves and trace themselves with. */
import { createNoopMeter, type Meter, type Tracer, trace } from '@opentelemetry/api'

export interface Instruments {
  readonly meter: Meter
  readonly tracer: Tracer
}

/** Does nothing: for `validate`, tests, and a service whose telemetry is off. */
export const NO_INSTRUMENTS: Instruments = {
  meter: createNoopMeter(),
  tracer: trace.getTracer('flowspan'),
}
