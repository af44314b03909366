import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { compressorOf, type HttpCompression } from '../../../pipeline/exporter/compression.ts'
import { namedSpans } from '../../exporters/sending.ts'

/** Alike, but not the same: levels differ in what they find in it. */
const BODY = namedSpans(...Array.from({ length: 3000 }, (_, i) => `GET /cart/${i * i}/items`)).bytes

function compressed(type: HttpCompression, level: number): Promise<Uint8Array> {
  return compressorOf(type, level)?.compress(BODY) ?? Promise.reject(new Error('none'))
}

test('without a level the cheapest is taken, whatever the algorithm', async () => {
  for (const type of ['gzip', 'zlib', 'deflate', 'zstd'] as const) {
    const [unset, lowest, highest] = await Promise.all(
      [0, 1, 9].map((level) => compressed(type, level)),
    )
    assert.deepEqual(unset, lowest, type)
    assert.notDeepEqual(unset, highest, type)
  }
})

test('-1 is the default of zlib itself', async () => {
  const body = await compressed('gzip', -1)
  assert.deepEqual(body, gzipSync(BODY))
  assert.deepEqual(new Uint8Array(gunzipSync(body)), new Uint8Array(BODY))
})
