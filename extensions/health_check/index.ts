import { extension } from '../../pipeline/component.ts'
import { schema, validate } from './config.ts'
import { HealthCheck } from './health_check.ts'

export const healthCheck = extension({
  type: 'health_check',
  aliases: ['healthcheckv2'],
  stability: 'development',
  schema,
  validate,
  create: (settings, config) => new HealthCheck(settings, config),
})
