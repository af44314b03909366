import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { urlOf } from '../../../../pipeline/flows/conventions/http.ts'
import { serverOf } from '../../../../pipeline/flows/conventions/server.ts'

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

test('the URL is made of what the request names and its path', () => {
  assert.equal(urlOf(rowOf({ host: 'api', target: '/a?b' }), 0), 'http://api/a?b')
  assert.equal(urlOf(rowOf({ host: 'api:80', target: '*' }), 0), 'http://api:80')
  assert.equal(urlOf(rowOf({ host: '' }), 0), 'http://10.1.2.3:8080/')
  assert.equal(urlOf(rowOf({ host: '', port: 80 }), 0), 'http://10.1.2.3/')
  assert.equal(urlOf(rowOf({ host: 'api', target: 'other:443' }), 0), 'http://api')
})
