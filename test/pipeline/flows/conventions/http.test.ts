import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { http } from '../../../../pipeline/flows/conventions/http.ts'
import { serverOf } from '../../../../pipeline/flows/conventions/server.ts'
import { TracesView } from '../../../../pipeline/otlp/traces_view.ts'
import { TracesWriter } from '../../../../pipeline/otlp/traces_writer.ts'

function rowOf({
  host,
  target = '/',
  port = 8080,
}: {
  host: string
  target?: string
  port?: number
}) {
  const batch = new FlowBatch(1)
  const row = batch.addRow()
  batch.base.host[row] = batch.strings.intern(host)
  batch.base.target[row] = batch.strings.intern(target)
  batch.base.dst_port[row] = port
  batch.base.dst_address.set([0xff, 0xff, 10, 1, 2, 3], 10)
  return batch
}

test('the server is what the request names, else the address it went to', () => {
  const cases: [host: string, address: string, port: number][] = [
    ['api', 'api', 8080],
    ['api:90', 'api', 90],
    ['10.0.0.1:90', '10.0.0.1', 90],
    ['[2001:db8::1]', '2001:db8::1', 8080],
    ['[2001:db8::1]:90', '2001:db8::1', 90],
    ['', '10.1.2.3', 8080],
    ['api:', 'api', 8080],
    ['api:http', 'api', 8080],
    ['api:70000', 'api', 8080],
    ['api:-1', 'api', 8080],
    ['api:1.5', 'api', 8080],
  ]
  for (const [host, address, port] of cases) {
    assert.deepEqual(serverOf(rowOf({ host }), 0), { address, port }, host)
  }
})

/** `url.full` of a client's span; rows are clients' unless they say otherwise. */
function urlOf(batch: FlowBatch): unknown {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.beginScope('', '')
  writer.beginSpan()
  http.own(writer, batch, 0)
  const view = new TracesView(writer.finish().bytes)
  assert.ok(view.nextResource() && view.nextScope() && view.nextSpan())
  const { attributes } = view.span
  assert.ok(attributes.next())
  const { key, value } = attributes
  assert.equal(key, 'url.full')
  assert.ok(!attributes.next())
  return value
}

test('the URL is made of what the request names and its path', () => {
  assert.equal(urlOf(rowOf({ host: 'api', target: '/a?b' })), 'http://api/a?b')
  assert.equal(urlOf(rowOf({ host: 'api:80', target: '*' })), 'http://api:80')
  assert.equal(urlOf(rowOf({ host: '' })), 'http://10.1.2.3:8080/')
  assert.equal(urlOf(rowOf({ host: '', port: 80 })), 'http://10.1.2.3/')
  assert.equal(urlOf(rowOf({ host: 'api', target: 'other:443' })), 'http://api')
  const long = { host: 'é'.repeat(60), target: `/${'ü'.repeat(200)}` }
  assert.equal(urlOf(rowOf(long)), `http://${long.host}${long.target}`)
})
