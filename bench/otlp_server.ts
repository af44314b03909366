/**
 * What `otlp_receive` measures: the otlp receiver, and behind it nothing, or protobufjs.
 *
 *     otlp_server.ts nothing|protobufjs GRPC_ENDPOINT HTTP_ENDPOINT
 */
import { pino } from 'pino'
import type { OtlpBatch } from '../pipeline/otlp/batch.ts'
import { OK } from '../pipeline/outcome.ts'
import { schema } from '../receivers/otlp/config.ts'
import { receiverOf } from '../receivers/otlp/otlp_receiver.ts'
import { hostOf, settingsOf } from '../test/pipeline/surroundings.ts'
import { requestType } from '../test/proto/otlp.ts'

const [behind, grpc, http] = process.argv.slice(2)
const type = requestType('traces')
const next = {
  mutates: false,
  consume({ bytes }: OtlpBatch) {
    if (behind === 'protobufjs') type.decode(bytes)
    return OK
  },
}
const protocols = { grpc: { endpoint: grpc }, http: { endpoint: http } }
const settings = settingsOf({ id: 'otlp', logger: pino({ level: 'warn' }) })
const receiver = receiverOf('traces')(settings, schema.parse({ protocols }), next)
await receiver.start?.(hostOf())
console.log('ready')
