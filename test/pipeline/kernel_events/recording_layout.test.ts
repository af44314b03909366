import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RECORD_TYPE } from '../../../pipeline/kernel_events/events.gen.ts'
import { recordBytes } from '../../../pipeline/kernel_events/recording/layout.ts'

for (const [name, type] of Object.entries(RECORD_TYPE)) {
  test(`a recording with a ${name} can be played`, () => {
    assert.ok(recordBytes(type) !== undefined)
  })
}
