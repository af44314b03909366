/** A configuration that was read, decoded and found valid. */
import type { Kind } from '../component.ts'
import type { FactoryOfKind } from './factories.ts'
import type { ComponentId, PipelineId } from './ids.ts'
import type { Locate, Path } from './problems.ts'
import type { ServiceOptions } from './service_options.ts'

export interface ComponentConfig<K extends Kind = Kind> {
  readonly kind: K
  readonly id: ComponentId
  readonly factory: FactoryOfKind[K]
  /** As the factory's schema gives it. */
  readonly config: unknown
  readonly path: Path
}

export interface PipelineConfig {
  readonly id: PipelineId
  readonly path: Path
  /** Ids of receivers, or of connectors that end in this pipeline. */
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  /** Ids of exporters, or of connectors that start from this pipeline. */
  readonly exporters: readonly string[]
}

/** Components by id. */
export type Components = {
  readonly [K in Kind]: ReadonlyMap<string, ComponentConfig<K>>
}

export interface Config {
  readonly components: Components
  readonly pipelines: readonly PipelineConfig[]
  /** Ids of the extensions to run, in order. */
  readonly extensions: readonly string[]
  readonly service: ServiceOptions
  /** Environment variables that the configuration names but that are not set. */
  readonly unset: readonly string[]
  /** Environment variables that the configuration names and that are set to nothing. */
  readonly empty: readonly string[]
  readonly locate: Locate
}
