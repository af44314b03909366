import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import pino from 'pino'
import { PageServer, type Respond } from '../../pipeline/page_server.ts'
import { hostOf } from './surroundings.ts'

const hello: Respond = ({ pathname }) => {
  if (pathname === '/fails') throw new Error('no')
  return pathname === '/' ? { type: 'text/plain', body: 'hé\n' } : undefined
}

async function serve(respond = hello) {
  const server = new PageServer(respond, pino({ level: 'silent' }))
  const address = await server.start('127.0.0.1:0', hostOf().listen)
  return { server, address, url: `http://${address}` }
}

test('a page is answered, what is none is 404, and what fails is 500', async () => {
  const { server, url } = await serve()
  const page = await fetch(url)
  assert.deepEqual([page.status, await page.text()], [200, 'hé\n'])
  assert.equal((await fetch(`${url}/none`)).status, 404)
  assert.equal((await fetch(`${url}/fails`)).status, 500)
  await server.shutdown()
})

test('HEAD has no body, and other methods are not allowed', async () => {
  const { server, url } = await serve()
  const head = await fetch(url, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '4'])
  const post = await fetch(url, { method: 'POST', body: 'x' })
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
  await server.shutdown()
})

test('a shutdown ends connections that wait, and is safe twice', async () => {
  const { server, address, url } = await serve()
  const [host, port] = address.split(':') as [string, string]
  const socket = connect(Number(port), host)
  await once(socket, 'connect')
  await fetch(url)
  const closed = once(socket, 'close')
  await server.shutdown()
  await closed
  await server.shutdown()
  await assert.rejects(fetch(url))
})

test('a server that was never started can be shut down', async () => {
  await new PageServer(hello, pino({ level: 'silent' })).shutdown()
})
