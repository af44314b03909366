import { extension } from '../../pipeline/component.ts'
import { BearerTokenAuth } from './bearertokenauth.ts'
import { schema, validate } from './config.ts'

export const bearerTokenAuth = extension({
  type: 'bearertokenauth',
  aliases: ['bearer_token_auth'],
  stability: 'development',
  schema,
  validate,
  create: (settings, config) => new BearerTokenAuth(settings, config),
})
