/** How etcd and kube-apiserver are started for a test: their arguments, and the files they read. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const HOST = '127.0.0.1'

/** Where ClusterIPs come from; `netns.ts` wires addresses of these ranges. */
export const SERVICE_RANGES = ['10.96.0.0/16', 'fd00:10:96::/112'] as const

export interface Layout {
  readonly directory: string
  readonly ports: {
    readonly etcdClient: number
    readonly etcdPeer: number
    readonly apiServer: number
  }
}

type Command = [string, ...string[]]

/** A single member whose data need not survive anything. */
export function etcdCommand(program: string, { directory, ports }: Layout): Command {
  const client = `http://${HOST}:${ports.etcdClient}`
  const peer = `http://${HOST}:${ports.etcdPeer}`
  return [
    program,
    ...['--name', 'test', '--data-dir', join(directory, 'etcd')],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `test=${peer}`],
    '--unsafe-no-fsync',
  ]
}

/** Signs its own certificate; authorizes by RBAC; admits pods that have no service account. */
export function apiServerCommand(program: string, { directory, ports }: Layout): Command {
  const key = join(directory, 'service-account.key')
  return [
    program,
    ...['--etcd-servers', `http://${HOST}:${ports.etcdClient}`],
    ...['--bind-address', HOST, '--secure-port', String(ports.apiServer)],
    // The reconciler refuses a loopback address as an endpoint of the service `kubernetes`.
    ...['--advertise-address', HOST, '--endpoint-reconciler-type', 'none'],
    ...['--cert-dir', join(directory, 'certificates')],
    ...['--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', key, '--service-account-signing-key-file', key],
    ...['--authorization-mode', 'RBAC', '--token-auth-file', join(directory, 'tokens.csv')],
    ...['--disable-admission-plugins', 'ServiceAccount'],
    ...['--service-cluster-ip-range', SERVICE_RANGES.join(',')],
  ]
}

/** kube-apiserver's certificate, which is its authority too. */
export function caFile(directory: string): string {
  return join(directory, 'certificates/apiserver.crt')
}

/** Writes what kube-apiserver reads: the key of service accounts, and who has which token. */
export function writeInputs(
  directory: string,
  tokens: { readonly admin: string; readonly flowspan: string },
): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'sec1', format: 'pem' })
  writeFileSync(join(directory, 'service-account.key'), pem, { mode: 0o600 })
  const lines = [
    `${tokens.admin},admin,admin,system:masters`,
    `${tokens.flowspan},flowspan,flowspan`,
  ]
  writeFileSync(join(directory, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 })
}

/** Writes a kubeconfig (in JSON, which is YAML) and gives its path. */
export function writeKubeconfig(
  directory: string,
  user: { readonly name: string; readonly token: string; readonly url: string },
): string {
  const { name, token, url } = user
  const path = join(directory, `${name}.kubeconfig`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'test', cluster: { server: url, 'certificate-authority': caFile(directory) } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  }
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 })
  return path
}
