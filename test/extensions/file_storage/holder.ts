/**
 * Runs the extension in a process of its own until it is killed, and says `started`, or why not.
 *
 * Usage: holder.ts DIRECTORY [UID]
 */
import { writeSync } from 'node:fs'
import { schema } from '../../../extensions/file_storage/config.ts'
import { FileStorage } from '../../../extensions/file_storage/file_storage.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const [directory, uid] = process.argv.slice(2)
const settings = settingsOf({ id: 'file_storage' })
const storage = new FileStorage(settings, schema.parse({ directory, timeout: '200ms' }))
if (uid !== undefined) process.setuid?.(Number(uid))
setInterval(() => {}, 2 ** 30)
try {
  await storage.start(hostOf())
  await storage.queue('exporter/otlp/traces')
  writeSync(1, 'started\n')
} catch (error) {
  writeSync(1, `failed: ${(error as Error).message}\n`)
}
