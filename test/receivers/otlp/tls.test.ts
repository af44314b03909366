import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { Client, credentials } from '@grpc/grpc-js'
import { ServerTls } from '../../../pipeline/server/tls.ts'
import { serverTlsOptions } from '../../../pipeline/server/tls_options.ts'
import { schema, validate } from '../../../receivers/otlp/config.ts'
import { type Authority, authority, type KeyPair } from '../../kit/certificates.ts'
import { encode } from '../../proto/otlp.ts'
import { TRACES } from './raw_grpc.ts'
import { type Receiving, receiving } from './receiving.ts'

const { bytes } = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] })

/** Resolves when the call was taken, rejects with why not. */
async function callGrpc(received: Receiving, ca: Authority, client?: KeyPair): Promise<void> {
  const read = (file?: string) => (file === undefined ? null : readFileSync(file))
  const secure = credentials.createSsl(readFileSync(ca.cert), read(client?.key), read(client?.cert))
  const caller = new Client(received.grpc.replace('127.0.0.1', 'localhost'), secure)
  const same = (message: Buffer) => message
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = { deadline: Date.now() + 5000 }
      caller.makeUnaryRequest(TRACES, same, same, Buffer.from(bytes), deadline, (error) =>
        error === null ? resolve() : reject(error),
      )
    })
  } finally {
    caller.close()
  }
}

async function postHttps(received: Receiving, options: RequestOptions): Promise<number> {
  const url = `${received.http.replace('http', 'https')}/v1/traces`
  const headers = { 'content-type': 'application/x-protobuf' }
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(
      url,
      { method: 'POST', headers, agent: false, ...options },
      (response: IncomingMessage) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    request.on('error', reject)
    request.end(bytes)
  })
}

function pairOptions({ key, cert }: KeyPair) {
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

async function secured(t: TestContext, tls: object): Promise<Receiving> {
  return await receiving(t, { grpc: { tls }, http: { tls } })
}

test('both protocols speak TLS, with certificates from files or from the configuration', async (t) => {
  const ca = authority(t)
  if (ca === undefined) return
  const { key, cert } = ca.issue('server')
  const written = { cert_pem: String(readFileSync(cert)), key_pem: String(readFileSync(key)) }
  for (const tls of [{ cert_file: cert, key_file: key }, written]) {
    const received = await secured(t, tls)
    await callGrpc(received, ca)
    assert.equal(await postHttps(received, { ca: readFileSync(ca.cert) }), 200)
    assert.equal(received.sink.taken.length, 2)
    assert.equal(received.sink.taken[1]?.client?.address, '127.0.0.1')
    await assert.rejects(fetch(`${received.http}/v1/traces`))
    await received.stop()
  }
})

test('with client_ca_file clients must show a certificate of that authority', async (t) => {
  const ca = authority(t)
  const other = authority(t)
  if (ca === undefined || other === undefined) return
  const { key, cert } = ca.issue('server')
  const received = await secured(t, { cert_file: cert, key_file: key, client_ca_file: ca.cert })
  const [client, stranger] = [ca.issue('client'), other.issue('stranger')]
  const trust = { ca: readFileSync(ca.cert) }
  await callGrpc(received, ca, client)
  assert.equal(await postHttps(received, { ...trust, ...pairOptions(client) }), 200)
  await assert.rejects(callGrpc(received, ca), /UNAVAILABLE/)
  await assert.rejects(callGrpc(received, ca, stranger), /UNAVAILABLE/)
  await assert.rejects(postHttps(received, trust))
  await assert.rejects(postHttps(received, { ...trust, ...pairOptions(stranger) }))
  assert.equal(received.sink.taken.length, 2)
})

test('versions and cipher suites are what the configuration says', async (t) => {
  const ca = authority(t)
  if (ca === undefined) return
  const { key, cert } = ca.issue('server')
  const suite = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'
  const tls = { cert_file: cert, key_file: key, max_version: '1.2', cipher_suites: [suite] }
  const received = await receiving(t, { grpc: null, http: { tls } })
  const port = Number(new URL(received.http).port)
  const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca.cert) })
  t.after(() => socket.destroy())
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  assert.equal(socket.getProtocol(), 'TLSv1.2')
  assert.equal(socket.getCipher().standardName, suite)
  await assert.rejects(postHttps(received, { ca: readFileSync(ca.cert), minVersion: 'TLSv1.3' }))
})

test('a certificate is read again after reload_interval, and a broken one is not taken', async (t) => {
  const ca = authority(t)
  if (ca === undefined) return
  const [first, second] = [ca.issue('first'), ca.issue('second')]
  const files = ca.issue('current')
  const put = ({ key, cert }: KeyPair) => {
    copyFileSync(key, files.key)
    copyFileSync(cert, files.cert)
  }
  put(first)
  const tls = { cert_file: files.cert, key_file: files.key, reload_interval: '1ms' }
  const received = await receiving(t, { grpc: null, http: { tls } })
  const shown = async () => {
    const port = Number(new URL(received.http).port)
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca.cert) })
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }
  assert.equal(await shown(), 'first')
  put(second)
  assert.equal(await shown(), 'second')
  copyFileSync(first.key, files.key)
  assert.equal(await shown(), 'second')
  assert.match(received.log.join(''), /Cannot read the TLS files again/)
  put(first)
  assert.equal(await shown(), 'first')
})

test('what cannot be used ends the start with the name of its option', (t) => {
  const ca = authority(t)
  if (ca === undefined) return
  const [one, two] = [ca.issue('one'), ca.issue('two')]
  const pair = { cert_file: one.cert, key_file: one.key }
  const cases: [object, RegExp][] = [
    [{ ...pair, cert_file: '/nowhere' }, /^x::tls::cert_file: ENOENT/],
    [{ ...pair, key_file: '/nowhere' }, /^x::tls::key_file: ENOENT/],
    [{ ...pair, cert_file: one.key }, /^x::tls::cert_file: /],
    [{ ...pair, key_file: two.key }, /^x::tls::key_file: .*mismatch/],
    [{ ...pair, client_ca_file: one.key }, /^x::tls::client_ca_file: /],
    [{ ...pair, cipher_suites: ['NONE'] }, /^x::tls::cipher_suites: .*no cipher match/],
    [{ ...pair, curve_preferences: ['P1'] }, /^x::tls::curve_preferences: /],
  ]
  for (const [options, message] of cases) {
    const config = serverTlsOptions.parse(options)
    assert.throws(() => new ServerTls(config, 'x::tls'), { message })
  }
})

test('options that contradict each other are errors of the configuration', () => {
  const problems = (tls: object) => {
    const config = schema.parse({ protocols: { grpc: { tls } } })
    return validate(config).map(({ path, message }) => `${path.join('::')}: ${message}`)
  }
  const at = 'protocols::grpc::tls: '
  assert.deepEqual(problems({}), [
    `${at}TLS configuration must include both certificate and key for server connections`,
  ])
  assert.deepEqual(problems({ cert_file: 'a', cert_pem: 'b', key_file: 'c', key_pem: 'd' }), [
    `${at}provide either certificate file or PEM, but not both`,
    `${at}provide either key file or PEM, but not both`,
  ])
  assert.deepEqual(
    problems({ cert_file: 'a', key_file: 'b', min_version: '1.3', max_version: '1.2' }),
    [`${at}invalid TLS configuration: min_version cannot be greater than max_version`],
  )
})
