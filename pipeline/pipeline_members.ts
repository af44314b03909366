/** Which components a pipeline consists of, for extensions that show the service. */
import type { Kind, Signal } from './component.ts'
import type { ComponentView, PipelineView, ServiceView } from './service_view.ts'

export function signalOf({ id }: PipelineView): Signal {
  return id.split('/')[0] as Signal
}

/** Receivers, processors, exporters, in the order of the configuration; connectors at both ends. */
export function membersOf(service: ServiceView, pipeline: PipelineView): ComponentView[] {
  const signal = signalOf(pipeline)
  const components = service.components()
  const find = (kinds: readonly Kind[], isHere: (view: ComponentView) => boolean) => (id: string) =>
    components.filter((view) => view.id === id && kinds.includes(view.kind) && isHere(view))
  const givesIt = (view: ComponentView) =>
    view.kind === 'connector' ? view.to === signal : view.signal === signal
  return [
    ...pipeline.receivers.flatMap(find(['receiver', 'connector'], givesIt)),
    ...pipeline.processors.flatMap(find(['processor'], (view) => view.pipeline === pipeline.id)),
    ...pipeline.exporters.flatMap(
      find(['exporter', 'connector'], (view) => view.signal === signal),
    ),
  ]
}
