/** Builds every backend that is not in the cache and prints where each is. */
import { backendNames, ensureBackend } from '../kit/backends.ts'
import { ensureKafka, missingForKafka } from '../kit/kafka.ts'

for (const name of backendNames) console.log(`${name} ${await ensureBackend(name)}`)
if (missingForKafka() === undefined) console.log(`kafka ${await ensureKafka()}`)
