import { extension } from '../../pipeline/component.ts'
import { schema } from './config.ts'
import { Zpages } from './zpages.ts'

export const zpages = extension({
  type: 'zpages',
  stability: 'development',
  schema,
  create: (settings, config) => new Zpages(settings, config),
})
