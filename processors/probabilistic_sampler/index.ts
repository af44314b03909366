import { processor } from '../../pipeline/component.ts'
import { type SamplerConfig, schema, validate } from './config.ts'
import { FlowSampler, TraceSampler } from './probabilistic_sampler.ts'

/** Keeps a share of all traces, each as a whole. */
export const probabilisticSampler = processor<SamplerConfig>({
  type: 'probabilistic_sampler',
  stability: 'alpha',
  schema,
  validate,
  create: {
    flows: (settings, config, next) => new FlowSampler(settings, config, next),
    traces: (settings, config, next) => new TraceSampler(settings, config, next),
  },
})
