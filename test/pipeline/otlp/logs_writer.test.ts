import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogsWriter } from '../../../pipeline/otlp/logs_writer.ts'
import { decode } from '../../proto/otlp.ts'

test('`LogsWriter` writes a record that protobufjs reads back field by field', () => {
  const times = Uint32Array.of(1, 0, 2, 0)
  const writer = new LogsWriter()
  writer.beginResource()
  writer.beginScope('', '')
  writer.beginRecord()
  writer.time(times, 0)
  writer.observedTime(times, 1)
  writer.severity(9, 'INFO')
  writer.body('connection closed')
  writer.eventName('flow')
  writer.traceId(Uint32Array.of(1, 0, 0, 0), 0)
  writer.spanId(Uint32Array.of(2, 0), 0)
  writer.attrInt('bytes', 12)
  const batch = writer.finish()
  assert.equal(batch.items, 1)
  assert.deepEqual(decode(batch).resourceLogs[0].scopeLogs[0].logRecords, [
    {
      timeUnixNano: '1',
      observedTimeUnixNano: '2',
      severityNumber: 9,
      severityText: 'INFO',
      body: { stringValue: 'connection closed' },
      eventName: 'flow',
      traceId: '00000000000000000000000000000001',
      spanId: '0000000000000002',
      attributes: [{ key: 'bytes', value: { intValue: '12' } }],
    },
  ])
})
