/**
 * A Kubernetes control plane for tests: the real kube-apiserver on a real etcd, on loopback, in a
 * temporary directory. There is no controller, no scheduler and no kubelet: every object is what
 * the test wrote (`kubernetes_objects.ts`).
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ensureBackend } from './backends.ts'
import { KubernetesApi, type RequestOptions } from './kubernetes_api.ts'
import {
  apiServerCommand,
  caFile,
  etcdCommand,
  HOST,
  type Layout,
  writeInputs,
  writeKubeconfig,
} from './kubernetes_programs.ts'
import { freePorts } from './ports.ts'
import { Program, removeDirectory, temporaryDirectory } from './processes.ts'

const START = { timeoutMs: 120_000 }
const STOP = { timeoutMs: 0 }
const GROUP = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch']

/** A rule of a ClusterRole. */
export interface PolicyRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** What flowspan may do in a cluster, and no more. */
export const FLOWSPAN_RULES: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['pods', 'services', 'nodes', 'namespaces'], verbs: READ },
  { apiGroups: ['apps'], resources: ['replicasets'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
]

export interface KubernetesOptions {
  /** The rules of user `flowspan`; default FLOWSPAN_RULES. */
  readonly rules?: readonly PolicyRule[]
  /** More arguments for kube-apiserver. */
  readonly apiServerArgs?: readonly string[]
}

/** A user: its bearer token, and a kubeconfig that holds it. */
export interface Credentials {
  readonly token: string
  readonly kubeconfigPath: string
}

/** Starts etcd and kube-apiserver. When it resolves, `/readyz` says ok and `default` is there. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const etcdPath = await ensureBackend('etcd')
  const apiServerPath = await ensureBackend('kube_apiserver')
  const [etcdClient, etcdPeer, apiServer] = (await freePorts(3)) as [number, number, number]
  const directory = temporaryDirectory('kubernetes')
  const layout: Layout = { directory, ports: { etcdClient, etcdPeer, apiServer } }
  const tokens = { admin: randomUUID(), flowspan: randomUUID() }
  writeInputs(directory, tokens)
  const etcd = new Program(etcdCommand(etcdPath, layout))
  const command = apiServerCommand(apiServerPath, layout)
  const cluster = new Kubernetes({
    layout,
    tokens,
    etcd,
    apiServerCommand: [...command, ...(options.apiServerArgs ?? [])],
  })
  try {
    await etcd.line(/ready to serve client requests/, START)
    await cluster.startApiServer()
    await bindRole(cluster, options.rules ?? FLOWSPAN_RULES)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

interface Parts {
  readonly layout: Layout
  readonly tokens: { readonly admin: string; readonly flowspan: string }
  readonly etcd: Program
  readonly apiServerCommand: [string, ...string[]]
}

/** A control plane, made by `startKubernetes`. */
export class Kubernetes {
  readonly url: string
  /** The certificate authority; `ca` is its PEM. */
  readonly caFile: string
  /** May do everything (`system:masters`). */
  readonly admin: Credentials
  /** User `flowspan`, who may do what its ClusterRole grants. */
  readonly flowspan: Credentials
  readonly #parts: Parts
  #apiServer: Program | undefined
  #api: KubernetesApi | undefined

  constructor(parts: Parts) {
    const { directory, ports } = parts.layout
    const url = `https://${HOST}:${ports.apiServer}`
    const user = (name: 'admin' | 'flowspan'): Credentials => {
      const token = parts.tokens[name]
      return { token, kubeconfigPath: writeKubeconfig(directory, { name, token, url }) }
    }
    this.#parts = parts
    this.url = url
    this.caFile = caFile(directory)
    this.admin = user('admin')
    this.flowspan = user('flowspan')
  }

  get ca(): string {
    return readFileSync(this.caFile, 'utf8')
  }

  /** The admin's. */
  get token(): string {
    return this.admin.token
  }

  /** The admin's. */
  get kubeconfigPath(): string {
    return this.admin.kubeconfigPath
  }

  /** The end of what kube-apiserver has logged. */
  get log(): string {
    return this.#apiServer?.output ?? ''
  }

  /** Asks the API server, as the admin unless a token is given; see KubernetesApi. */
  request<T = unknown>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    if (this.#api === undefined) throw new Error('kube-apiserver was not started')
    return this.#api.request<T>(method, path, options)
  }

  /** Starts kube-apiserver, again after `stopApiServer`: same address, same objects. */
  async startApiServer(): Promise<void> {
    const apiServer = new Program(this.#parts.apiServerCommand)
    this.#apiServer = apiServer
    // It listens once it has signed its certificate.
    await apiServer.listens({ host: HOST, port: this.#parts.layout.ports.apiServer }, START)
    this.#api = new KubernetesApi({ url: this.url, ca: this.ca, token: this.token })
    await apiServer.until('says ok at /readyz', () => this.#answers('/readyz'), START)
    const namespace = '/api/v1/namespaces/default'
    await apiServer.until('has its namespaces', () => this.#answers(namespace), START)
  }

  /** Ends kube-apiserver alone, at once: every watch breaks. */
  async stopApiServer(): Promise<void> {
    this.#api?.close()
    await this.#apiServer?.stop(STOP)
  }

  /** Ends both programs and removes their directory. Safe twice. */
  async stop(): Promise<void> {
    await this.stopApiServer()
    await this.#parts.etcd.stop(STOP)
    removeDirectory(this.#parts.layout.directory)
  }

  async #answers(path: string): Promise<true | undefined> {
    return this.request('GET', path).then(
      () => true,
      () => undefined,
    )
  }
}

async function bindRole(cluster: Kubernetes, rules: readonly PolicyRule[]): Promise<void> {
  const metadata = { name: 'flowspan' }
  const version = { apiVersion: `${GROUP}/v1`, metadata }
  await cluster.request('POST', `/apis/${GROUP}/v1/clusterroles`, {
    body: { ...version, kind: 'ClusterRole', rules },
  })
  await cluster.request('POST', `/apis/${GROUP}/v1/clusterrolebindings`, {
    body: {
      ...version,
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'flowspan' },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: 'flowspan' }],
    },
  })
}
