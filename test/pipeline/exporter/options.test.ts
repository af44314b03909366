import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerOptions } from '../../../pipeline/exporter/client_options.ts'
import {
  queueOptions,
  queueProblems,
  retryOptions,
  retryProblems,
} from '../../../pipeline/exporter/options.ts'
import { tlsOptions, tlsProblems } from '../../../pipeline/exporter/tls_options.ts'

function queueSays(options: object): string[] {
  return queueProblems(queueOptions.parse(options)).map(
    ({ path, message }) => `${path.join('::')}: ${message}`,
  )
}

test('`batch` is off when it is not there, and on with its defaults when it is empty', () => {
  const batch = {
    flush_timeout: 200,
    min_size: 8192,
    max_size: 0,
    sizer: 'items',
    partition: { metadata_keys: [] },
  }
  assert.equal(queueOptions.parse({}).batch, undefined)
  assert.equal(queueOptions.parse(null).batch, undefined)
  assert.deepEqual(queueOptions.parse({ batch: null }).batch, batch)
  assert.deepEqual(queueOptions.parse({ batch: {} }).batch, batch)
  assert.deepEqual(queueOptions.parse({ sizer: 'bytes', batch: null }).batch, batch)
})

test('the batch’s sizer is its own, else the queue’s, else items', () => {
  const sizer = (options: object) => queueOptions.parse(options).batch?.sizer
  assert.equal(sizer({ sizer: 'bytes', batch: { min_size: 1 } }), 'bytes')
  assert.equal(sizer({ sizer: 'bytes', batch: { sizer: 'items' } }), 'items')
  assert.equal(sizer({ sizer: 'requests', batch: { min_size: 1 } }), 'requests')
  assert.equal(sizer({ batch: { min_size: 1 } }), 'items')
})

test('what is wrong in `sending_queue` is said in the Collector’s words', () => {
  const cases: [object, string[]][] = [
    [{}, []],
    [{ num_consumers: 0 }, ['sending_queue: `num_consumers` must be positive']],
    [{ queue_size: 0 }, ['sending_queue: `queue_size` must be positive']],
    [
      { storage: 'file_storage', wait_for_result: true },
      [
        'sending_queue: `wait_for_result` is not supported with a persistent queue configured with `storage`',
      ],
    ],
    [
      { sizer: 'items', batch: {} },
      ['sending_queue: `min_size` must be less than or equal to `queue_size`'],
    ],
    [{ sizer: 'items', queue_size: 8192, batch: {} }, []],
    [
      { batch: { max_size: 10 } },
      ['sending_queue::batch: `max_size` (10) must be greater or equal to `min_size` (8192)'],
    ],
    [
      { sizer: 'requests', batch: { min_size: 5 } },
      ['sending_queue::batch: `batch` supports only `items` or `bytes` sizer, found "requests"'],
    ],
    [
      { batch: { flush_timeout: 0, min_size: -1, max_size: -1 } },
      [
        'sending_queue::batch: `flush_timeout` must be positive, found 0',
        'sending_queue::batch: `min_size` must be non-negative, found -1',
        'sending_queue::batch: `max_size` must be non-negative, found -1',
      ],
    ],
    [
      { batch: { partition: { metadata_keys: ['X-A', 'x-a'] } } },
      [
        'sending_queue::batch::partition: duplicate entry in metadata_keys: "x-a" (case-insensitive)',
      ],
    ],
    [{ enabled: false, num_consumers: 0, batch: { sizer: 'requests' } }, []],
  ]
  for (const [options, messages] of cases) {
    assert.deepEqual(queueSays(options), messages, JSON.stringify(options))
  }
})

test('what is wrong in `retry_on_failure` too', () => {
  const says = (options: object) =>
    retryProblems(retryOptions.parse(options)).map(({ message }) => message)
  assert.deepEqual(says({}), [])
  assert.deepEqual(says({ randomization_factor: 1.5, multiplier: -1 }), [
    "'randomization_factor' must be within [0, 1]",
    "'multiplier' must be non-negative",
  ])
  assert.deepEqual(says({ max_elapsed_time: '10s' }), [
    "'max_elapsed_time' must not be less than 'max_interval'",
  ])
  assert.deepEqual(says({ max_elapsed_time: '0' }), [])
  assert.deepEqual(says({ enabled: false, multiplier: -1 }), [])
})

test('and in `tls`', () => {
  const says = (options: object) =>
    tlsProblems(tlsOptions.parse(options)).map(({ message }) => message)
  assert.deepEqual(says({ min_version: '1.2', max_version: '1.3', ca_pem: 'x' }), [])
  assert.deepEqual(says({ ca_file: 'a', ca_pem: 'b' }), [
    'provide either a CA file or the PEM-encoded string, but not both',
  ])
  assert.deepEqual(says({ cert_file: 'a' }), ['provide both certificate and key, or neither'])
  assert.deepEqual(says({ cert_pem: 'a', key_file: 'b' }), [])
  assert.deepEqual(says({ min_version: '1.3', max_version: '1.2' }), [
    'invalid TLS configuration: min_version cannot be greater than max_version',
  ])
  assert.deepEqual(says({ max_version: 'asd' }), [
    'invalid TLS max_version: unsupported TLS version: "asd"',
  ])
})

test('headers are a map or a list', () => {
  assert.deepEqual(headerOptions.parse([{ name: 'a', value: 'b' }]), { a: 'b' })
  assert.deepEqual(headerOptions.parse({ a: 'b' }), { a: 'b' })
})
