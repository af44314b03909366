/** One component instance of the graph, and its place there. */
import type { Logger } from 'pino'
import type { Component, Extension, Kind, Signal } from '../component.ts'
import type { ComponentConfig } from '../config/config.ts'
import type { Ledger } from '../ledger.ts'
import type { StatusMachine } from '../status_machine.ts'
import type { Inlet, Outlet } from './edges.ts'

/** Where an instance stands: in one configuration no two stand at the same place. */
export interface Place {
  readonly kind: Kind
  readonly id: string
  /** What it takes; for a receiver what it gives. An extension has none. */
  readonly signal?: Signal
  /** What a connector makes. */
  readonly to?: Signal
  /** The pipeline of a processor; other components are shared by pipelines. */
  readonly pipeline?: string
}

/** The place as a text: equal for equal places. No part of an id can be a line feed. */
export function keyOf({ kind, id, signal, to, pipeline }: Place): string {
  return [kind, id, signal, to, pipeline].join('\n')
}

/** `"otlp" exporter`, as messages call it. */
export function nameOf({ kind, id }: Place): string {
  return `"${id}" ${kind}`
}

export interface Node extends Place {
  readonly component: Component
  readonly ledger: Ledger
  readonly logger: Logger
  readonly status: StatusMachine
  /** Its section of the configuration, as it runs with it. */
  of: ComponentConfig
  /** The extensions that it has asked for, and what it was given. */
  readonly asked: Map<string, Extension | undefined>
  /** The way into it, except for receivers and extensions. */
  readonly inlet?: Inlet
  /** The way out of it, except for exporters and extensions. */
  readonly outlet?: Outlet
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
