/** Stages that end with their test, and rows that most tests send. */
import assert from 'node:assert/strict'
import { afterEach } from 'node:test'
import type { StitchConfig } from '../../../processors/stitch/config.ts'
import type { Row } from './rows.ts'
import { Stage } from './stage.ts'

const stages: Stage[] = []

/** Shut down behind the test, with its books balanced. */
export function stage(options: Partial<StitchConfig> = {}, id?: string): Stage {
  const made = new Stage(options, id)
  stages.push(made)
  return made
}

afterEach(async () => {
  for (const made of stages.splice(0)) {
    await made.stitch.shutdown()
    assert.equal(made.stitch.held(), 0)
    made.balance()
  }
})

export const connected = (flow: number): Row => ({
  kind: 'connection',
  state: 'open',
  role: 'client',
  flow,
})
export const client = (flow: number, more: Partial<Row> = {}): Row => ({
  role: 'client',
  name: `client ${flow}`,
  flow,
  ...more,
})
export const server = (flow: number, more: Partial<Row> = {}): Row => ({
  role: 'server',
  name: `server ${flow}`,
  flow,
  ...more,
})
export const causedBy = (flow: number, confidence = 0.95) => ({
  cause: { flow, offset: 0, confidence },
})
