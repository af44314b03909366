/** What extensions may see and ask of the service as a whole. */
import type { Kind, Signal } from './component.ts'
import type { Config } from './config/config.ts'
import type { Node } from './graph/node.ts'
import type { StatusEvent } from './status.ts'
import { type Book, booksOf } from './telemetry/books.ts'
import type { Measured } from './telemetry/measured.ts'
import type { RecentSpan } from './telemetry/recent_spans.ts'

export interface ServiceView {
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** `ready` once every component has started and until the shutdown begins. */
  readonly state: 'starting' | 'ready' | 'stopping'
  /** Every component that runs now, those of extensions first. */
  components(): readonly ComponentView[]
  /** The pipelines of the configuration that runs now. */
  pipelines(): readonly PipelineView[]
  /** The present values of all metrics; none when the service measures none. */
  measured(): Promise<readonly Measured[]>
  /** The service's own last spans, the newest first; undefined when it makes none. */
  spans(): readonly RecentSpan[] | undefined
  /**
   * Reads the configuration again and swaps to it; the old one stays when the new one fails.
   * @param by what asked for it, for the log: `POST /-/reload`
   */
  reload(by: string): Promise<ReloadResult>
}

/** One component instance, as the graph has it. */
export interface ComponentView {
  readonly kind: Kind
  readonly id: string
  /** What it takes; for a receiver what it gives. An extension has none. */
  readonly signal?: Signal
  /** What a connector makes. */
  readonly to?: Signal
  /** The pipeline of a processor; other components are shared by pipelines. */
  readonly pipeline?: string
  status(): StatusEvent
  /** An extension keeps none. */
  book(): Book | undefined
}

export interface PipelineView {
  readonly id: string
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  readonly exporters: readonly string[]
}

export type ReloadResult = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export function componentViews(nodes: readonly Node[]): ComponentView[] {
  return nodes.map((node) => {
    const { kind, id, signal, to, pipeline, status } = node
    return {
      kind,
      id,
      ...(signal && { signal }),
      ...(to && { to }),
      ...(pipeline !== undefined && { pipeline }),
      status: () => status.event,
      book: () => booksOf([node])[0],
    }
  })
}

export function pipelineViews({ pipelines }: Config): PipelineView[] {
  return pipelines.map(({ id, receivers, processors, exporters }) => ({
    id: id.text,
    receivers,
    processors,
    exporters,
  }))
}
