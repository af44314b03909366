/** What `/debug/pipelinez` shows: per pipeline every component in order, as plain data. */
import type { Kind, Signal } from '../../pipeline/component.ts'
import { membersOf, signalOf } from '../../pipeline/pipeline_members.ts'
import type { ComponentView, ServiceView } from '../../pipeline/service_view.ts'
import type { StatusEvent } from '../../pipeline/status.ts'
import type { Measured } from '../../pipeline/telemetry/measured.ts'
import type { RateMeter, Rates } from './rates.ts'

export interface QueueFill {
  readonly size: number
  readonly capacity: number
}

export interface ComponentState {
  readonly kind: Kind
  readonly id: string
  readonly status: StatusEvent
  readonly queue?: QueueFill
  /** An extension has none of what follows. */
  readonly in: number
  readonly out: number
  readonly used: Readonly<Record<string, number>>
  readonly lost: Readonly<Record<string, number>>
  readonly held: number
  readonly notes: Readonly<Record<string, number>>
  readonly rates: Rates
}

export interface PipelineState {
  readonly id: string
  readonly signal: Signal
  readonly components: readonly ComponentState[]
}

export async function pipelineStates(
  service: ServiceView,
  meter: RateMeter,
): Promise<PipelineState[]> {
  const measured = await service.measured()
  return service.pipelines().map((pipeline) => ({
    id: pipeline.id,
    signal: signalOf(pipeline),
    components: membersOf(service, pipeline).flatMap((view) => stateOf(view, { meter, measured })),
  }))
}

function stateOf(
  view: ComponentView,
  { meter, measured }: { meter: RateMeter; measured: readonly Measured[] },
): ComponentState[] {
  const book = view.book()
  if (book === undefined) return []
  const { kind, id } = view
  const queue = kind === 'exporter' ? queueOf(view, measured) : undefined
  return [
    {
      kind,
      id,
      status: view.status(),
      ...(queue && { queue }),
      in: book.in,
      out: book.out,
      used: book.used,
      lost: book.lost,
      held: book.held,
      notes: book.notes,
      rates: meter.of(view, book),
    },
  ]
}

/** As the exporter measures it: in requests, items or bytes, by the queue's `sizer`. */
function queueOf({ id, signal }: ComponentView, measured: readonly Measured[]) {
  const find = (name: string) =>
    measured.find(
      ({ name: found, attributes }) =>
        found === name && attributes.exporter === id && attributes.data_type === signal,
    )?.value
  const size = find('otelcol_exporter_queue_size')
  const capacity = find('otelcol_exporter_queue_capacity')
  return size === undefined || capacity === undefined ? undefined : { size, capacity }
}
