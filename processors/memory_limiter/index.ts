import {
  type Consumer,
  type Processor,
  processor,
  type Settings,
  type Signal,
} from '../../pipeline/component.ts'
import { type MemoryLimiterConfig, schema, validate } from './config.ts'
import { limiterOf, MemoryLimiter } from './memory_limiter.ts'

function create<S extends Signal>(signal: S) {
  return (settings: Settings, config: MemoryLimiterConfig, next: Consumer<S>): Processor<S> =>
    new MemoryLimiter(settings, { signal, limiter: limiterOf(settings, config), next })
}

export const memoryLimiter = processor({
  type: 'memory_limiter',
  stability: 'development',
  schema,
  validate,
  create: {
    flows: create('flows'),
    traces: create('traces'),
    metrics: create('metrics'),
    logs: create('logs'),
  },
})
