import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { findAccess } from '../../../pipeline/kubernetes/access.ts'
import { serviceAccountAccess } from '../../../pipeline/kubernetes/service_account.ts'
import { configSchema } from '../../../processors/k8s_attributes/config.ts'

const logger = pino({ level: 'silent' })
let directory: string

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'flowspan-access-'))
})

after(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** A kubeconfig with one user, whose fields are given as YAML. */
function kubeConfig(
  name: string,
  user: string,
  cluster = 'server: https://k8s.example:6443/',
): string {
  const text = `
apiVersion: v1
kind: Config
current-context: main
contexts:
- { name: main, context: { cluster: c, user: u } }
- { name: other, context: { cluster: missing, user: u } }
clusters:
- { name: c, cluster: { ${cluster} } }
users:
- { name: u, user: { ${user} } }
`
  return file(name, text)
}

function find(config: object, env: NodeJS.ProcessEnv = { HOME: directory }) {
  return findAccess(configSchema.parse(config), { env, logger })
}

test('without a service account or a kubeconfig there is no cluster', async () => {
  assert.equal(await find({}), undefined)
  const env = { KUBECONFIG: kubeConfig('unused', 'token: t') }
  assert.equal(await find({ auth_type: 'none' }, env), undefined)
})

test('a kubeconfig that is there is used: token, certificate, authority', async () => {
  const encoded = (text: string) => Buffer.from(text).toString('base64')
  const cluster = `server: https://k8s.example:6443/, certificate-authority-data: ${encoded('CA')}, tls-server-name: inner`
  file('client.crt', 'CERT')
  const user = `token: secret, client-certificate: client.crt, client-key-data: ${encoded('KEY')}`
  const access = await find({}, { KUBECONFIG: kubeConfig('full', user, cluster) })
  assert.equal(access?.server, 'https://k8s.example:6443')
  assert.equal(access?.ca, 'CA')
  assert.equal(access?.serverName, 'inner')
  assert.equal(access?.skipVerify, false)
  assert.deepEqual(await access?.credentials(), {
    headers: { authorization: 'Bearer secret' },
    cert: 'CERT',
    key: 'KEY',
  })
})

test('a token file is read, a user with a password sends it', async () => {
  file('token', 'from-file\n')
  const byFile = await find({ kube_config_path: kubeConfig('file', 'tokenFile: token') })
  assert.equal((await byFile?.credentials())?.headers.authorization, 'Bearer from-file')
  const byPassword = await find({ kube_config_path: kubeConfig('p', 'username: u, password: p') })
  assert.equal((await byPassword?.credentials())?.headers.authorization, 'Basic dTpw')
})

test('an exec plugin is run with the protocol’s input, once for many requests', async () => {
  const plugin = file(
    'plugin.sh',
    `#!/bin/sh
echo run >> "${directory}/runs"
case "$KUBERNETES_EXEC_INFO" in
  *'"kind":"ExecCredential"'*'"server":"https://k8s.example:6443"'*) ;;
  *) echo "no input: $KUBERNETES_EXEC_INFO" >&2; exit 1 ;;
esac
echo "{\\"status\\": {\\"token\\": \\"$1-token\\"}}"
`,
  )
  chmodSync(plugin, 0o755)
  const user = `exec: { apiVersion: client.authentication.k8s.io/v1, command: ${plugin}, args: [plugin] }`
  const access = await find({ kube_config_path: kubeConfig('exec', user) })
  for (const _ of [1, 2]) {
    assert.deepEqual(await access?.credentials(), {
      headers: { authorization: 'Bearer plugin-token' },
    })
  }
  assert.equal(readFileSync(join(directory, 'runs'), 'utf8'), 'run\n')
})

test('what cannot be used is named', async () => {
  const cases: [object, RegExp][] = [
    [{ auth_type: 'kubeConfig' }, /auth_type "kubeConfig": there is no .*\.kube\/config/],
    [{ auth_type: 'serviceAccount' }, /auth_type "serviceAccount" outside a pod/],
    [{ kube_config_path: '/nowhere' }, /there is no \/nowhere/],
    [{ kube_config_path: file('bad', '{') }, /Cannot read kube_config_path .*bad/],
    [{ kube_config_path: file('empty', '') }, /Cannot use context "" of .*empty: it has none/],
    [{ kube_config_path: kubeConfig('a', 'token: t'), context: 'x' }, /"x" .*it has main, other/],
    [{ kube_config_path: kubeConfig('b', 'token: t'), context: 'other' }, /no cluster "missing"/],
    [{ kube_config_path: kubeConfig('c', 'auth-provider: { name: gcp }') }, /auth-provider "gcp"/],
    [{ kube_config_path: kubeConfig('d', 'client-key: gone') }, /Cannot read a file .*gone/],
    [
      { kube_config_path: kubeConfig('e', '', 'server: https://x, proxy-url: http://p') },
      /proxy-url is not supported/,
    ],
    [
      { kube_config_path: kubeConfig('f', 'exec: { command: /nowhere/plugin }') },
      /\/nowhere\/plugin/,
    ],
  ]
  for (const [config, message] of cases) await assert.rejects(find(config), message)
})

test('a service account is read from the kubelet’s files', async () => {
  file('token', 'account-token\n')
  file('ca.crt', 'CA')
  const env = { KUBERNETES_SERVICE_HOST: 'fd01::1', KUBERNETES_SERVICE_PORT: '443' }
  const access = serviceAccountAccess({ env, logger, directory })
  assert.equal(access.server, 'https://[fd01::1]:443')
  assert.equal(access.ca, 'CA')
  assert.equal((await access.credentials()).headers.authorization, 'Bearer account-token')
  assert.throws(
    () => serviceAccountAccess({ env, logger, directory: '/nowhere' }),
    /Cannot read the service account/,
  )
})

test('the token of a service account is read again as it rotates', async (t) => {
  file('token', 'first')
  file('ca.crt', 'CA')
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }
  const access = serviceAccountAccess({ env, logger, directory })
  file('token', 'second')
  assert.equal((await access.credentials()).headers.authorization, 'Bearer first')
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + 61_000)
  assert.equal((await access.credentials()).headers.authorization, 'Bearer second')
  rmSync(join(directory, 'token'))
  t.mock.method(performance, 'now', () => now() + 130_000)
  assert.equal((await access.credentials()).headers.authorization, 'Bearer second', 'the last one')
})
