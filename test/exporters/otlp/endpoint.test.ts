/** Where requests go, and whether that is the right place. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ServerCredentials } from '@grpc/grpc-js'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlpExporter } from '../../../exporters/otlp/otlp_exporter.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'
import { certificate, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting } from './exporting.ts'

test('an IPv6 endpoint is reached', async (t) => {
  const backend = await new Backend().listen({ host: '[::1]' })
  const endpoint = `[::1]:${backend.port}`
  const { exporter, ledger } = await exporting(t, backend, { endpoint })
  await exporter.consume(spans(1))
  await until(() => ledger.entry().used.sent === 1)
})

test('TLS: CA and name are checked, the client shows its certificate', async (t) => {
  const files = certificate(t)
  if (files === undefined) return
  const { key, cert } = files
  const pair = [{ private_key: readFileSync(key), cert_chain: readFileSync(cert) }]
  const credentials = ServerCredentials.createSsl(readFileSync(cert), pair, true)
  const backend = await new Backend().listen({ credentials })
  t.after(() => backend.close())
  const client = { cert_file: cert, key_file: key }
  const byName = `localhost:${backend.port}`
  const cases: [string, Record<string, unknown>, RegExp | undefined][] = [
    ['by its address', { tls: { ...client, ca_file: cert } }, undefined],
    [
      'by a name not in the certificate',
      { ...{ endpoint: byName }, tls: { ...client, ca_file: cert } },
      /altnames/,
    ],
    [
      'with that name overridden',
      { endpoint: byName, tls: { ...client, ca_file: cert, server_name_override: 'backend.test' } },
      undefined,
    ],
    ['with an unknown CA', { tls: client }, /self-signed certificate/],
    ['unchecked', { tls: { ...client, insecure_skip_verify: true } }, undefined],
    ['without a client certificate', { tls: { ca_file: cert } }, /UNAVAILABLE/],
    ['without TLS', { tls: { insecure: true } }, /UNAVAILABLE/],
    [
      'with https in spite of insecure',
      {
        endpoint: `https://127.0.0.1:${backend.port}`,
        tls: { ...client, ca_file: cert, insecure: true },
      },
      undefined,
    ],
  ]
  for (const [name, options, refused] of cases) {
    const retry_on_failure = { enabled: false }
    const { exporter, ledger, log } = await exporting(t, backend.port, {
      ...options,
      retry_on_failure,
    })
    await exporter.consume(spans(1))
    await until(() => exporter.held?.() === 0)
    assert.equal(ledger.entry().used.sent, refused === undefined ? 1 : undefined, `${name}: ${log}`)
    if (refused !== undefined) assert.match(log.join(), refused, name)
  }
})

test('a file that tls names and that cannot be read ends the start-up with its option', () => {
  const settings = settingsOf({ id: 'otlp/x' })
  const config = schema.parse({ endpoint: 'a:1', tls: { ca_file: '/nowhere/ca.pem' } })
  assert.throws(
    () => otlpExporter('traces')(settings, config),
    /exporters::otlp\/x::tls::ca_file: cannot use/,
  )
})
