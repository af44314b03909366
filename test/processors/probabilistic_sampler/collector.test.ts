/**
 * Decisions and tracestates of the Collector's own processor (probabilisticsamplerprocessor 0.160,
 * run over these spans): for the same options the same.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { schema } from '../../../processors/probabilistic_sampler/config.ts'
import { Sampler } from '../../../processors/probabilistic_sampler/sampler.ts'

interface Row {
  readonly trace: string
  readonly state: string
  readonly priority?: number
  readonly kept: boolean
  readonly out: string
}

interface Group {
  readonly mode: string
  readonly seed: number
  readonly percentage: number
  readonly precision: number
  readonly fail_closed: boolean
  readonly rows: readonly Row[]
}

const VECTORS = join(import.meta.dirname, 'testdata/collector.json')
const groups = JSON.parse(readFileSync(VECTORS, 'utf8')) as Group[]

for (const group of groups) {
  const { mode, seed, percentage, precision, fail_closed, rows } = group
  test(`${mode || 'mode unset'}, seed ${seed}, ${percentage} %: as the Collector`, () => {
    const sampler = new Sampler(
      schema.parse({
        sampling_percentage: percentage,
        hash_seed: seed,
        sampling_precision: precision,
        fail_closed,
        ...(mode && { mode }),
      }),
    )
    const found = rows.map((row) => {
      const priority = row.priority === undefined ? 'none' : row.priority === 0 ? 'never' : 'always'
      const subject = { traceId: row.trace, traceState: row.state, priority } as const
      const { kept, traceState } = sampler.decide(subject)
      return { ...row, kept, out: kept ? traceState : '' }
    })
    assert.deepEqual(found, rows)
  })
}
