import { extension } from '../../pipeline/component.ts'
import { BasicAuthClient } from './client.ts'
import { type ClientAuthConfig, schema, validate } from './config.ts'
import { BasicAuthServer } from './server.ts'

export const basicAuth = extension({
  type: 'basicauth',
  aliases: ['basic_auth'],
  stability: 'development',
  schema,
  validate,
  create: (settings, config) =>
    config.htpasswd === undefined
      ? new BasicAuthClient(settings, config.client_auth as ClientAuthConfig)
      : new BasicAuthServer(settings, config.htpasswd),
})
