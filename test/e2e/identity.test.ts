/**
 * Who stands at an end, told by the real kernel and a real API server: pods on the host's network
 * in cgroups as a kubelet makes them, and a client that reaches a pod by a port of the node.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type Cgroup, Cgroups, missingCgroups } from '../kit/cgroups.ts'
import { Flowspan, type FlowspanConfig, type Row } from '../kit/flowspan.ts'
import { type Kubernetes, startKubernetes } from '../kit/kubernetes.ts'
import {
  createNode,
  createObject,
  createPod,
  type KubernetesPod,
  setPodStatus,
} from '../kit/kubernetes_objects.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { listens } from '../kit/pod_process.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const FLOWS = 'flows.json'
const PORT = 8080
const NODE_PORT = 30_080
const NODE = 'worker-1'

interface Placed {
  readonly pod: KubernetesPod
  readonly cgroup: Cgroup
}

suite('identity', { skip: skipUnless(missingForShop() ?? missingCgroups('v2')) }, () => {
  const cleanups: (() => unknown)[] = []
  let kubernetes: Kubernetes
  let network: Network
  let cgroups: Cgroups
  let flowspan: Flowspan
  let client: Pod
  let server: Pod

  before(async () => {
    kubernetes = await startKubernetes()
    cleanups.unshift(() => kubernetes.stop())
    network = new Network()
    cleanups.unshift(() => network.close())
    cgroups = new Cgroups()
    cleanups.unshift(() => cgroups.remove())
    client = network.pod('client')
    server = network.pod('server')
    await createNode(kubernetes, { name: NODE, addresses: [network.node.ipv4] })
    await createNodePort(kubernetes)
    // The server's own rows are left out, as if it stood on another host.
    flowspan = await Flowspan.start((directory) =>
      configuration(kubernetes, server, join(directory, FLOWS)),
    )
    cleanups.unshift(async () => {
      await flowspan.kill()
      flowspan.clean()
    })
  })
  after(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  /** A pod of the API server, and the cgroup of its container. */
  async function place(name: string, hostNetwork: boolean, ip: string): Promise<Placed> {
    const pod = await createPod(kubernetes, { name, nodeName: NODE, hostNetwork, podIPs: [ip] })
    const id = randomBytes(32).toString('hex')
    const containerStatuses = [{ name: 'main', containerID: `containerd://${id}` }]
    await setPodStatus(kubernetes, pod, { podIPs: [ip], containerStatuses })
    const slice = `kubepods-burstable-pod${pod.metadata.uid.replaceAll('-', '_')}.slice`
    return { pod, cgroup: cgroups.make(`${slice}/cri-containerd-${id}.scope`) }
  }

  /** The cgroup is entered first: within the pod's mounts its tree is not to be seen. */
  const words = (netns: Pod, line: readonly string[], cgroup?: Cgroup) =>
    cgroup === undefined ? inPod(netns, line) : cgroup.command(inPod(netns, line))

  async function serve(netns: Pod, cgroup?: Cgroup): Promise<void> {
    const line = ['python3', '-m', 'http.server', String(PORT), '--bind', netns.ipv4]
    const program = new Program(words(netns, line, cgroup))
    cleanups.unshift(() => program.stop())
    await program.until('listens', () => listens(program.pid, PORT))
  }

  async function request(netns: Pod, url: string, cgroup: Cgroup): Promise<void> {
    const program = new Program(words(netns, ['curl', '-sf', '-o', '/dev/null', url], cgroup))
    assert.equal((await program.exited).code, 0, program.output)
  }

  test('two pods with the node’s address are told apart at both ends', async () => {
    const { node } = network
    const [asks, answers] = [
      await place('asks', true, node.ipv4),
      await place('answers', true, node.ipv4),
    ]
    await serve(node, answers.cgroup)
    await request(node, `http://${node.ipv4}:${PORT}/package.json`, asks.cgroup)
    const isOurs = (row: Row) => row.dst === `${node.ipv4}:${PORT}` && row.kind === 'exchange'
    const rows = await closed(flowspan, isOurs, 2)
    for (const row of rows) {
      assert.equal(row.src_k8s_pod, 'asks', `${row.role}`)
      assert.equal(row.dst_k8s_pod, 'answers', `${row.role}`)
      assert.equal(row.src_k8s_pod_uid, asks.pod.metadata.uid)
      assert.equal(row.dst_k8s_container, 'main')
      assert.equal(row.dst_container_image, 'example/app:1')
      const isClient = row.role === 'client'
      assert.equal(row.src_resolved_by, isClient ? 'pod_uid' : 'partner')
      assert.equal(row.dst_resolved_by, isClient ? 'partner' : 'pod_uid')
      assert.equal(row.pod_uid, (isClient ? asks : answers).pod.metadata.uid)
    }
  })

  test('a pod that nobody sees, behind a port of the node, is its Service', async () => {
    const { pod, cgroup } = await place('web', false, client.ipv4)
    const { node } = network
    const rule = `ip daddr ${node.ipv4} tcp dport ${NODE_PORT} dnat ip to ${server.ipv4}:${PORT}`
    network.rule(`add rule inet services prerouting ${rule}`)
    await serve(server)
    await request(client, `http://${node.ipv4}:${NODE_PORT}/package.json`, cgroup)
    const isOurs = (row: Row) => row.dst === `${node.ipv4}:${NODE_PORT}` && row.kind === 'exchange'
    const [row] = await closed(flowspan, isOurs, 1)
    assert.equal(row?.src_k8s_pod, pod.metadata.name)
    assert.equal(row?.src_resolved_by, 'pod_uid')
    assert.equal(row?.dst_k8s_service, 'shop')
    assert.equal(row?.dst_k8s_pod, undefined)
    assert.equal(row?.dst_resolved_by, 'node_port')
  })
})

/** Rows of exchanges that have ended, once there are so many that fit. */
async function closed(
  flowspan: Flowspan,
  fits: (row: Row) => boolean,
  count: number,
): Promise<readonly Row[]> {
  return waitFor(`${count} rows`, () => {
    const rows = flowspan.rows(FLOWS).filter((row) => row.state === 'closed' && fits(row))
    return rows.length >= count ? rows : undefined
  })
}

function configuration(kubernetes: Kubernetes, unseen: Pod, path: string): FlowspanConfig {
  return {
    receivers: { ebpf: { exclude: { netns: [unseen.netns] } } },
    processors: {
      k8s_attributes: {
        auth_type: 'kubeConfig',
        kube_config_path: kubernetes.flowspan.kubeconfigPath,
        wait_for_metadata: true,
      },
    },
    exporters: { file: { path, flush_interval: '50ms' } },
    service: {
      pipelines: {
        flows: { receivers: ['ebpf'], processors: ['k8s_attributes'], exporters: ['file'] },
      },
    },
  }
}

async function createNodePort(kubernetes: Kubernetes): Promise<void> {
  await createObject(kubernetes, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop', namespace: 'default' },
    spec: { type: 'NodePort', ports: [{ port: 80, targetPort: PORT, nodePort: NODE_PORT }] },
  })
}
