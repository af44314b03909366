import { extension } from '../../pipeline/component.ts'
import { schema, validate } from './config.ts'
import { FileStorage } from './file_storage.ts'

export const fileStorage = extension({
  type: 'file_storage',
  stability: 'development',
  schema,
  validate,
  create: (settings, config) => new FileStorage(settings, config),
})
