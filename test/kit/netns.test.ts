import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Network, type Pod } from './netns.ts'
import { runInPod, serveInPod } from './pod_process.ts'
import { missingForShop, skipUnless } from './requirements.ts'
import { Shop } from './shop.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 30_000 }
const storage = join(import.meta.dirname, 'apps/storage.py')

function network(t: TestContext): Network {
  const made = new Network()
  t.after(() => made.close())
  return made
}

async function serve(t: TestContext, pod: Pod, args: readonly string[]): Promise<void> {
  const server = await serveInPod(pod, { port: 9000, command: ['/usr/bin/python3', ...args] })
  t.after(async () => void (await server.stop()))
}

async function get(from: Pod, url: string): Promise<string> {
  const curl = ['curl', '-sS', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', url]
  return (await runInPod(from, curl)).stdout
}

test('a pod reaches another by its addresses and by its ClusterIPs', options, async (t) => {
  const net = network(t)
  const client = net.pod('client')
  const pod = net.pod('server')
  const service = net.service(pod, { port: 80, targetPort: 9000 })
  await serve(t, pod, [storage, '9000'])
  assert.equal(await get(client, `http://${pod.ipv4}:9000/items/1`), '200')
  assert.equal(await get(client, `http://[${pod.ipv6}]:9000/items/1`), '200')
  assert.equal(await get(client, `http://${service.ipv4}/items/1`), '200')
  assert.equal(await get(client, `http://[${service.ipv6}]/items/1`), '200')
})

test('traffic of a ClusterIP comes from the node', options, async (t) => {
  const net = network(t)
  const client = net.pod('client')
  const pod = net.pod('server')
  const service = net.service(pod, { port: 80, targetPort: 9000 })
  const echo = `import socket
s = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, peer = s.accept()
    c.recv(4096)
    c.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + peer[0].encode())
    c.close()`
  await serve(t, pod, ['-c', echo])
  const curl = async (url: string) => (await runInPod(client, ['curl', '-sSm3', url])).stdout
  assert.equal(await curl(`http://${service.ipv4}`), `::ffff:${net.node.ipv4}`)
  assert.equal(await curl(`http://[${service.ipv6}]`), net.node.ipv6)
  assert.equal(await curl(`http://${pod.ipv4}:9000`), `::ffff:${client.ipv4}`)
})

test('what a killed process leaves behind ends, and is removed by the next', options, async (t) => {
  const script = `
    import { Shop } from ${JSON.stringify(join(import.meta.dirname, 'shop.ts'))}
    const shop = await Shop.start()
    console.log(shop.network.node.netns)
    setInterval(() => {}, 1000)`
  const args = ['--input-type=module-typescript', '-e', script]
  const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(owner.stdout, 'data')) as [Buffer]
  const left = line.toString().trim()
  assert.ok(existsSync(`/run/netns/${left}`))
  owner.kill('SIGKILL')
  await once(owner, 'close')
  network(t)
  const prefix = left.replace(/node$/, '')
  assert.deepEqual(
    readdirSync('/run/netns').filter((name) => name.startsWith(prefix)),
    [],
  )
})

test('the shop answers over both families, and says what is wrong', options, async () => {
  const shop = await Shop.start()
  try {
    for (const family of ['ipv4', 'ipv6'] as const) {
      assert.equal(await get(shop.client, shop.url(family, '/orders/7')), '200')
      assert.equal(await get(shop.client, shop.url(family, '/orders/missing')), '404')
      assert.equal(await get(shop.client, shop.url(family, '/broken')), '500')
    }
  } finally {
    await shop.close()
  }
  assert.equal(existsSync(`/run/netns/${shop.network.node.netns}`), false)
})
