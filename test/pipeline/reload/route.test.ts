import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { type AddressInfo, isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type TestContext, test } from 'node:test'
import { answerReload, RELOAD_PATH } from '../../../pipeline/reload/route.ts'
import type { ReloadResult } from '../../../pipeline/service_view.ts'

async function serve(t: TestContext, result: ReloadResult) {
  const asked = { count: 0 }
  const server = createServer((request, response) => {
    void answerReload(request, response, async () => {
      asked.count++
      return result
    })
  })
  await new Promise<void>((done) => server.listen(0, '::', done))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const send = (init: { method?: string; headers?: Record<string, string>; host?: string } = {}) =>
    new Promise<{ status: number | undefined; text: string; allow: string | undefined }>(
      (resolve, reject) => {
        const { host = '127.0.0.1', method = 'POST', headers = {} } = init
        const sent = request({ host, port, path: RELOAD_PATH, method, headers }, (response) => {
          let text = ''
          response.on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => {
            resolve({ status: response.statusCode, text, allow: response.headers.allow })
          })
        })
        sent.on('error', reject).end(method === 'POST' ? 'body' : undefined)
      },
    )
  return { send, asked }
}

test('200 when the new configuration is in force', async (t) => {
  const { send, asked } = await serve(t, { ok: true })
  assert.equal((await send()).status, 200)
  assert.equal((await send({ host: '::1' })).status, 200)
  assert.equal(asked.count, 2)
})

test('400 with all that is wrong, when the old one stays', async (t) => {
  const { send } = await serve(t, { ok: false, reason: '2 problems:\n  a\n  b' })
  const { status, text } = await send()
  assert.equal(status, 400)
  assert.equal(text, 'Cannot reload the configuration: 2 problems:\n  a\n  b\n')
})

test('405 for every other method', async (t) => {
  const { send, asked } = await serve(t, { ok: true })
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, allow } = await send({ method })
    assert.deepEqual({ status, allow }, { status: 405, allow: 'POST' }, method)
  }
  assert.equal((await send({ method: 'HEAD' })).status, 405)
  assert.equal(asked.count, 0)
})

test('403 for a web page', async (t) => {
  const { send, asked } = await serve(t, { ok: true })
  for (const origin of ['http://localhost:8888', 'https://example.org', 'null']) {
    assert.equal((await send({ headers: { origin } })).status, 403)
  }
  assert.equal(asked.count, 0)
})

const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, address }) => !internal && isIPv4(address))
const skip = outside === undefined && 'this machine has no address but the loopback’s'

test('403 for a peer that does not come by the loopback', { skip }, async (t) => {
  const { send, asked } = await serve(t, { ok: true })
  assert.equal((await send({ host: outside?.address ?? '' })).status, 403)
  assert.equal(asked.count, 0)
})
