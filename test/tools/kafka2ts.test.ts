/** The shapes of Kafka's messages are what tools/kafka2ts.ts makes of Kafka's own definitions. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { messagesModule } from '../../tools/kafka2ts.ts'
import { kafkaClients, missingForKafka } from '../kit/kafka.ts'
import { skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForKafka()), timeout: 180_000 }

test('messages.gen.ts is current', options, async () => {
  const file = join(import.meta.dirname, '../../pipeline/requests/kafka/messages.gen.ts')
  assert.equal(readFileSync(file, 'utf8'), messagesModule(await kafkaClients()))
})
