import {
  type Consumer,
  type Processor,
  processor,
  type Settings,
  type Signal,
} from '../../pipeline/component.ts'
import { Batch } from './batch.ts'
import { type BatchConfig, schema, validate } from './config.ts'

function create<S extends Signal>(settings: Settings, config: BatchConfig, next: Consumer<S>) {
  return new Batch<S>(settings, config, { next }) as Processor<S>
}

export const batch = processor({
  type: 'batch',
  stability: 'development',
  schema,
  validate,
  create: { flows: create, traces: create, metrics: create, logs: create },
})
