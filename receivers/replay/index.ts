import { receiver } from '../../pipeline/component.ts'
import { type ReplayConfig, schema, validate } from './config.ts'
import { ReplayReceiver } from './replay_receiver.ts'

/** Gives the rows again that the `ebpf` receiver gave while it made a recording. */
export const replay = receiver<ReplayConfig>({
  type: 'replay',
  stability: 'development',
  schema,
  validate,
  create: {
    flows: (settings, config, next) => new ReplayReceiver(settings, config, next),
  },
})
