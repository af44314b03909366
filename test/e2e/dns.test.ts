import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import type { Row } from '../kit/flowspan.ts'
import { startDnsmasq, startUnbound, type Zone } from '../kit/name_servers.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { readCapture } from '../receivers/pcap/read.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PORT = 53
/** Names that a client looks up at once: the even ones have addresses of both kinds. */
const COUNT = 50
const RESOLVER = join(import.meta.dirname, '../kit/apps/resolver.ts')

const NAMES = Array.from({ length: COUNT }, (_, i) => `n${i}.shop`)
const LONG = 'x'.repeat(250)
const ZONE: Zone = {
  records: [
    ...NAMES.flatMap((name, i) => [
      `${name}. A 10.1.0.${i}`,
      ...(i % 2 === 0 ? [`${name}. AAAA fd00:7::${(i + 1).toString(16)}`] : []),
    ]),
    ...Array.from({ length: 12 }, (_, i) => `large.shop. TXT "${i}${LONG}"`),
  ],
  dropped: ['void'],
  refused: ['secret'],
  failing: ['broken'],
}

async function podsOf(t: TestContext): Promise<CapturedPods> {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  return pods
}

function told({ method, target, status, error, answers, transport }: Row): string {
  return [transport, method, target, status ?? error ?? answers].filter(Boolean).join(' ')
}

test(
  'a real name server: what Node and glibc look up, of both kinds, is what they saw',
  options,
  async (t) => {
    const pods = await podsOf(t)
    await startUnbound(t, pods, { port: PORT, zone: ZONE })
    await pods.capture()

    const node = [process.execPath, RESOLVER, pods.server.ipv4, String(COUNT)]
    const { stdout } = await runInPod(pods.client, node)
    const saw = stdout.trim().split('\n')
    assert.equal(saw.length, 2 * COUNT)
    // No address of that kind is no error of the name server.
    const wanted = saw.map((line) => `udp ${line.replace(' ENODATA', '')}`)
    assert.equal(wanted.filter((line) => /,| E[A-Z]+$/.test(line)).length, 0)

    const configuration = join(pods.directory, 'resolv.conf')
    writeFileSync(configuration, `nameserver ${pods.server.ipv6}\n`)
    const ask = 'import socket; print(sorted({a[4][0] for a in socket.getaddrinfo("n4.shop", 80)}))'
    const script = 'mount --bind "$0" /etc/resolv.conf && exec python3 -c "$1"'
    // A namespace of its own for mounts is what `ip netns exec` gives.
    const glibc = await runInPod(pods.client, ['sh', '-c', script, configuration, ask])
    assert.equal(glibc.stdout.trim(), "['10.1.0.4', 'fd00:7::5']")
    wanted.push('udp A n4.shop 10.1.0.4', 'udp AAAA n4.shop fd00:7::5')

    const rows = await pods.exchanges(wanted.length)
    assert.deepEqual(rows.map(told).sort(), wanted.sort())
    assert.ok(rows.every(({ role }) => role === 'server'))
    assert.equal(new Set(rows.map(({ flow_id }) => flow_id)).size, rows.length)
    assert.equal(
      rows.filter(({ src }) => String(src).startsWith(`[${pods.client.ipv6}]`)).length,
      2,
    )
  },
)

test(
  'a real name server: errors, answers that only fit over TCP, and none at all',
  options,
  async (t) => {
    const pods = await podsOf(t)
    await startUnbound(t, pods, { port: PORT, zone: ZONE })
    await pods.capture()

    const dig = async (...question: string[]) => {
      const command = ['dig', `@${pods.server.ipv4}`, '+time=2', '+tries=1', ...question]
      const { stdout } = await runInPod(pods.client, command).catch(({ stdout }) => ({ stdout }))
      return /status: (\w+)/.exec(String(stdout))?.[1] ?? 'timeout'
    }
    assert.equal(await dig('nobody.void', 'A', '+tries=2', '+time=1'), 'timeout')
    assert.equal(await dig('nobody.shop', 'MX'), 'NXDOMAIN')
    assert.equal(await dig('x.broken', 'A'), 'SERVFAIL')
    assert.equal(await dig('x.secret', 'SRV'), 'REFUSED')
    assert.equal(await dig('large.shop', 'TXT'), 'NOERROR')
    assert.equal(await dig('n2.shop', 'A', '+tcp'), 'NOERROR')
    assert.equal(await dig('n2.shop', 'AAAA', '+noedns', '+qr'), 'NOERROR')
    await dig('nobody.shop', 'TYPE65280')

    await pods.exchanges(8)
    const given = { requests: { dns_timeout: '1s' } }
    const { exchanges } = await readCapture(t, readFileSync(pods.file), { options: given })
    const closed = exchanges.filter(({ state }) => state === 'closed')
    assert.deepEqual(closed.map(told).sort(), [
      'tcp A n2.shop 10.1.0.2',
      'tcp TXT large.shop',
      'udp A nobody.void timeout',
      'udp A nobody.void timeout',
      'udp A x.broken 2',
      'udp AAAA n2.shop fd00:7::3',
      'udp MX nobody.shop 3',
      'udp SRV x.secret 5',
      'udp TXT large.shop',
      'udp TYPE65280 nobody.shop 3',
    ])
    const [cut] = closed.filter(({ answer_truncated }) => answer_truncated === true)
    assert.deepEqual([cut?.transport, cut?.target], ['udp', 'large.shop'])
    const whole = closed.find((row) => row.transport === 'tcp' && row.target === 'large.shop')
    assert.ok(Number(whole?.response_bytes) > 12 * LONG.length, String(whole?.response_bytes))
  },
)

test('a real forwarder asks because it was asked', options, async (t) => {
  const pods = await podsOf(t)
  const upstream = 5300
  await startUnbound(t, pods, { port: upstream, zone: ZONE })
  await startDnsmasq(t, pods, { port: PORT, upstream })
  await pods.capture()

  const node = [process.execPath, RESOLVER, pods.server.ipv4, '10']
  const { stdout } = await runInPod(pods.client, node)
  const wanted = stdout
    .trim()
    .split('\n')
    .map((line) => `udp ${line.replace(' ENODATA', '')}`)
  assert.equal(wanted.length, 20)

  // The look-up, and both ends of the forwarder's own.
  const rows = await pods.exchanges(3 * wanted.length)
  const forwarded = rows.filter(({ dst }) => String(dst).endsWith(`:${upstream}`))
  assert.deepEqual(forwarded.map(told).sort(), [...wanted, ...wanted].sort())
  const asked = new Map(rows.map((row) => [row.flow_id, row]))
  for (const call of forwarded.filter(({ role }) => role === 'client')) {
    assert.deepEqual([call.cause_method, call.cause_confidence], ['identity', 0.95])
    const cause = asked.get(call.cause_flow_id as string)
    assert.deepEqual([cause?.role, cause && told(cause)], ['server', told(call)])
    assert.equal(cause?.dst, `${pods.server.ipv4}:${PORT}`)
  }
  // Both ends of the forwarder's queries have one name.
  const names = (role: string) =>
    forwarded.filter((row) => row.role === role).map(({ flow_id }) => flow_id)
  assert.deepEqual(names('client').sort(), names('server').sort())
})
