import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const CLIENT = '/usr/lib/python3/dist-packages/pymemcache'
const missing = existsSync(CLIENT)
  ? undefined
  : 'Cannot run a client of memcached: run apt-get install python3-pymemcache'
const options = { skip: skipUnless(missingForShop() ?? missing), timeout: 120_000 }
const PORT = 11_211
const USERS = 20

/** Says how many errors it has seen, and what a pipeline of meta commands gave. */
const SCRIPT = `
import socket, sys
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError
to = (sys.argv[1], ${PORT})
client = Client(to)
errors = []
def fails(ask):
    try: ask()
    except MemcacheError as error: errors.append(type(error).__name__)
for i in range(${USERS}):
    name, copy = f'user:{i}:name', f'user:{i}:copy'
    assert client.set(name, 'x' * (i * 400) + 'y', noreply=False)
    assert len(client.get(name)) == i * 400 + 1
    client.set(copy, 'z', noreply=True)
    assert client.get_many([name, copy]).keys() == {name, copy}
    value, token = client.gets(copy)
    assert client.cas(copy, 'w', token, noreply=False)
    assert client.incr(f'user:{i}:none', 1) is None
    assert client.delete(name, noreply=False)
    fails(lambda: client.incr(copy, 1))
fails(lambda: client.set('big', 'x' * (2 << 20), noreply=False))
client.quit()
raw = socket.create_connection(to)
raw.sendall(b'mg user:1:copy v q k\\r\\nmg user:1:name v q k\\r\\nmn\\r\\nms a 2 T60\\r\\nhi\\r\\n')
said = b''
while not said.endswith(b'HD\\r\\n'): said += raw.recv(4096)
print(len(errors), len(said))
`

test('a real memcached: every command of a real client', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  const command = ['memcached', '-u', 'root', '-l', '0.0.0.0', '-p', `${PORT}`, '-U', '0']
  const server = await serveInPod(pods.server, { port: PORT, command })
  t.after(() => server.stop())
  await pods.capture()
  // Debian's own, which has Debian's modules.
  const run = ['/usr/bin/python3', '-c', SCRIPT, pods.server.ipv4]
  const { stdout } = await runInPod(pods.client, run)
  const [errors, metaBytes] = stdout.split(' ').map(Number)
  assert.equal(errors, USERS + 1)

  const rows = await pods.exchanges(9 * USERS + 3, ({ protocol }) => protocol === 'memcached')
  const groups = Map.groupBy(rows, ({ method, target, error }) =>
    [method, target, error].filter(Boolean).join(' '),
  )
  assert.deepEqual(Object.fromEntries([...groups].map(([key, { length }]) => [key, length])), {
    'set user:*:name': USERS,
    'get user:*:name': 2 * USERS,
    'set user:*:copy': USERS,
    'gets user:*:copy': USERS,
    'cas user:*:copy': USERS,
    'incr user:*:none': USERS,
    'delete user:*:name': USERS,
    'incr user:*:copy CLIENT_ERROR': USERS,
    'set big SERVER_ERROR': 1,
    'mg user:*:copy': 1,
    'ms a': 1,
  })
  assert.equal(rows.filter((row) => row.desynchronised || row.truncated).length, 0)
  // What was set, and the frame around it: VALUE, key, flags, size.
  const got = groups.get('get user:*:name')?.filter(({ query }) => !String(query).endsWith('?'))
  const frame = (i: number) => `VALUE user:${i}:name 0 ${i * 400 + 1}\r\n\r\nEND\r\n`.length
  assert.deepEqual(
    got?.map((row) => Number(row.response_bytes)),
    Array.from({ length: USERS }, (_, i) => frame(i) + i * 400 + 1),
  )
  const meta = rows.filter(({ method }) => method === 'mg' || method === 'ms')
  assert.equal(
    meta.reduce((sum, row) => sum + Number(row.response_bytes), 0),
    metaBytes,
  )
})
