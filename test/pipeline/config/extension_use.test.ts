import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMPONENTS } from '../../../components.ts'
import { Factories } from '../../../pipeline/config/factories.ts'
import { loadConfig } from '../../../pipeline/config/load.ts'
import type { ConfigError } from '../../../pipeline/config/problems.ts'

const factories = new Factories(COMPONENTS)

function load(extensions: string) {
  const auth = 'auth: { authenticator: bearertokenauth }'
  const text = `
receivers:
  otlp: { protocols: { grpc: { ${auth} }, http: { auth: { authenticator: none } } } }
exporters:
  otlp: { endpoint: "a:1", ${auth}, sending_queue: { storage: file_storage } }
  otlp_http: { endpoint: "http://a", sending_queue: { enabled: false, storage: file_storage } }
  otlp/unused: { endpoint: "a:1", ${auth} }
extensions: { file_storage: , bearertokenauth: { token: x } }
service:
  extensions: [${extensions}]
  pipelines: { traces: { receivers: [otlp], exporters: [otlp, otlp_http] } }`
  return loadConfig({ name: 'FILE', text }, { factories, env: {} })
}

test('an extension that an option names and the service does not run is a problem', () => {
  const why = (id: string) => `extension "${id}" is not running: name it in service::extensions`
  assert.throws(
    () => load('bearertokenauth'),
    ({ message }: ConfigError) => {
      const lines = message.split('\n').slice(1)
      assert.deepEqual(lines, [
        `  receivers::otlp::protocols::http::auth::authenticator: ${why('none')} (FILE:3:92)`,
        `  exporters::otlp::sending_queue::storage: ${why('file_storage')} (FILE:5:87)`,
      ])
      return true
    },
  )
})
