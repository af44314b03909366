import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { linesIn } from './lines.ts'
import { removeDirectory, temporaryDirectory } from './processes.ts'

test('a line of a growing file is one once its end is there', (t) => {
  const directory = temporaryDirectory('lines')
  t.after(() => removeDirectory(directory))
  const path = join(directory, 'rows.jsonl')
  const seen = ['', '{"a":1', '}', '\n{', '}\n'].map((part) => {
    if (part !== '') appendFileSync(path, part)
    return linesIn(path)
  })
  assert.deepEqual(seen, [[], [], [], ['{"a":1}'], ['{"a":1}', '{}']])
})
