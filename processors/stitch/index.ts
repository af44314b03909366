import { processor } from '../../pipeline/component.ts'
import { type StitchConfig, schema, validate } from './config.ts'
import { Stitch } from './stitch.ts'

export const stitch = processor<StitchConfig>({
  type: 'stitch',
  stability: 'alpha',
  schema,
  validate,
  create: {
    flows: (settings, config, next) => new Stitch(settings, config, { next }),
  },
})
