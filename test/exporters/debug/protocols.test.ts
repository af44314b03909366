/** Exchanges of every protocol as people read them: in trees, and as lines of rows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema } from '../../../connectors/flow_spans/config.ts'
import { FlowSpans } from '../../../connectors/flow_spans/flow_spans.ts'
import { flowsNormal } from '../../../exporters/debug/flows.ts'
import { TraceForest } from '../../../exporters/debug/tree.ts'
import { ROWS } from '../../connectors/protocol_rows.ts'
import { type FlowRow, flowBatch, Surroundings } from '../../connectors/rows.ts'
import { encode } from '../../proto/otlp.ts'

function whatOf(batch: Parameters<TraceForest['add']>[0]): string {
  const what: string[] = []
  const forest = new TraceForest(({ spans }) => what.push(...spans.map((span) => span.what)))
  forest.add(batch)
  forest.shutdown()
  assert.equal(what.length, 1)
  return what[0] as string
}

function treeOf(row: FlowRow): string {
  const around = new Surroundings()
  new FlowSpans(around.settings, schema.parse({}), around.next).consume(flowBatch(row))
  return whatOf(around.got[0] as never)
}

/** The request's part of a row's line. */
function lineOf(row: FlowRow): string {
  return (
    flowsNormal(flowBatch(row))
      .split('  ')
      .filter((part) => part !== '')[3] ?? ''
  )
}

const SHOWN: { readonly [name: string]: readonly [tree: string, line: string] } = {
  'http client': ['CLIENT GET /orders/17 200', 'GET /orders/17?page=2 200'],
  'http server': ['SERVER GET /orders/17 200', 'GET /orders/17?page=2 200'],
  'http client without a response': ['CLIENT GET /cart connection_closed', 'GET /cart no response'],
  'http2 server': ['SERVER GET /orders/17 200', 'GET /orders/17?page= 200'],
  'grpc client OK': ['CLIENT grpc shop.v1.Cart/GetCart OK', 'grpc /shop.v1.Cart/GetCart OK'],
  'grpc server INTERNAL': [
    'SERVER grpc shop.v1.Cart/GetCart INTERNAL',
    'grpc /shop.v1.Cart/GetCart INTERNAL',
  ],
  'grpc server UNIMPLEMENTED': [
    'SERVER grpc UNIMPLEMENTED',
    'grpc /shop.v1.Cart/GetCart UNIMPLEMENTED',
  ],
  'postgresql client': ['CLIENT postgresql SELECT orders', 'postgresql SELECT orders'],
  'postgresql client error': [
    'CLIENT postgresql SELECT orders 23505',
    'postgresql SELECT orders 23505',
  ],
  'mysql client error': ['CLIENT mysql SELECT orders 1062', 'mysql SELECT orders 1062'],
  'redis client': ['CLIENT redis GET user:*', 'redis GET user:*'],
  'redis client without a key': ['CLIENT redis PING', 'redis PING'],
  'memcached client': ['CLIENT memcached get session:*', 'memcached get session:*'],
  'kafka producer': ['PRODUCER kafka send orders', 'kafka Produce orders'],
  'kafka consumer': ['CLIENT kafka poll orders', 'kafka Fetch orders'],
  'dns client': ['CLIENT dns A api.shop NOERROR', 'dns A api.shop NOERROR'],
  'dns client NXDOMAIN': ['CLIENT dns A api.shop NXDOMAIN', 'dns A api.shop NXDOMAIN'],
  'dns client without a response': ['CLIENT dns A api.shop timeout', 'dns A api.shop timeout'],
  'unknown server': ['SERVER amqp GET timeout', 'amqp GET /cart timeout'],
  'nameless client': ['CLIENT exchange', 'unknown'],
}

test('trees and lines show every protocol', () => {
  for (const [name, shown] of Object.entries(SHOWN)) {
    const row = ROWS[name] as FlowRow
    assert.deepEqual([treeOf(row), lineOf(row)], shown, name)
  }
})

test('a tree shows spans of instrumentation libraries, under older names too', () => {
  const span = (name: string, attributes: Record<string, string>) => {
    const list = Object.entries(attributes).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    }))
    const one = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name, kind: 3 }
    const spans = [{ ...one, attributes: list }]
    return whatOf(encode('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }))
  }
  assert.equal(span('SELECT shop', { 'db.system': 'mysql' }), 'CLIENT mysql SELECT shop')
  assert.equal(span('redis GET', { 'db.system': 'redis' }), 'CLIENT redis GET')
  assert.equal(span('a.B/C', { 'rpc.system': 'grpc' }), 'CLIENT grpc a.B/C')
  assert.equal(
    span('orders publish', { 'messaging.system': 'kafka' }),
    'CLIENT kafka orders publish',
  )
  const http = { 'url.path': '/a/7', 'http.route': '/a/:id' }
  assert.equal(span('GET /a/:id', http), 'CLIENT GET /a/7')
  assert.equal(span('GET', { 'url.full': 'http://x/a/7?b' }), 'CLIENT GET /a/7')
})
