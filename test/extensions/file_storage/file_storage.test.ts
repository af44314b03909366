import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { schema } from '../../../extensions/file_storage/config.ts'
import { FileStorage } from '../../../extensions/file_storage/file_storage.ts'
import { temporaryDirectory } from '../../kit/processes.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

test('a queue keeps its records while one instance takes the place of another', async () => {
  const config = schema.parse({ directory: temporaryDirectory('storage') })
  const settings = settingsOf({ id: 'file_storage' })
  const [old, young] = [new FileStorage(settings, config), new FileStorage(settings, config)]
  await old.start(hostOf())
  const one = await old.queue('exporter/otlp/traces')
  await one.append({ items: 3, parts: [Buffer.from('a'), Buffer.from('b')] })
  const lease = await one.lease()
  await young.start(hostOf())
  const two = await young.queue('exporter/otlp/traces')
  assert.equal(two.items, 3)
  assert.equal(await two.lease(), undefined)
  await one.close()
  await one.close()
  const again = await two.lease()
  assert.equal(Buffer.from(again!.bytes).toString(), 'ab')
  await old.shutdown()
  again?.done()
  lease?.done()
  assert.equal(two.records, 0)
  await two.close()
  await young.shutdown()
  await young.shutdown()
})

test('a directory that is not there is made only when that is asked for', async () => {
  const directory = join(temporaryDirectory('storage'), 'not', 'there')
  const settings = settingsOf({ id: 'file_storage/x' })
  const storage = new FileStorage(settings, schema.parse({ directory }))
  await assert.rejects(storage.start(hostOf()), {
    message:
      `extensions::file_storage/x::directory: directory must exist: ${directory} does not. ` +
      'You can enable the create_directory option to automatically create it',
  })
  await storage.shutdown()
  const willing = new FileStorage(settings, schema.parse({ directory, create_directory: true }))
  await willing.start(hostOf())
  await willing.shutdown()
})
