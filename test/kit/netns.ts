/**
 * A small cluster network in network namespaces: pods with IPv4 and IPv6 addresses of their own, a
 * node that routes between them, and ClusterIPs as kube-proxy makes them.
 *
 *     pod ns            node ns                          pod ns
 *     eth0 ─────────── veth ─ router, nftables ─ veth ─────── eth0
 *
 * The node is a namespace too, and a router instead of a bridge: the machine's own namespace gets
 * no link, no address, no rule, and a packet for a ClusterIP always passes the node's nftables.
 *
 * Names are `flowspan-<pid>-<n>-<pod>`; what a killed process left behind is removed by the next.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { alive } from './processes.ts'

const NAMES = '/run/netns'
const PREFIX = 'flowspan-'

/** One pod: a namespace. */
export interface Pod {
  readonly name: string
  readonly netns: string
  /** Inode of the namespace, as flow rows name it. */
  readonly inode: number
  readonly ipv4: string
  readonly ipv6: string
}

/** Both addresses of a ClusterIP service. */
export interface ClusterIp {
  readonly ipv4: string
  readonly ipv6: string
  readonly port: number
}

let networks = 0

export class Network {
  /** The namespace that stands for the node. */
  readonly node: Pod
  readonly #slot: string
  readonly #v6: string
  readonly #third: number
  readonly #prefix4: string
  #names: string[] = []
  #pods = 0
  #services = 0

  /** Creates the node. Needs root; throws with what `ip` said. */
  constructor() {
    sweep()
    networks += 1
    this.#slot = `${PREFIX}${process.pid}-${networks}`
    // Processes that run at the same time have different addresses: pids follow one another.
    this.#third = process.pid & 0xff
    this.#prefix4 = `10.${63 + networks}.${this.#third}`
    this.#v6 = `fd00:${networks.toString(16)}:${this.#third.toString(16)}:`
    process.on('exit', this.#onExit)
    this.node = this.#namespace('node', 1)
    const { netns } = this.node
    run(['ip', 'netns', 'exec', netns, 'sysctl', '-qw', ...FORWARDING])
    nft(netns, BASE_RULES)
  }

  /** Adds a pod with a default route over the node. */
  pod(name: string): Pod {
    this.#pods += 1
    const pod = this.#namespace(name, 9 + this.#pods)
    const veth = `veth${this.#pods}`
    const node = this.node
    ip(node.netns, [
      `link add ${veth} type veth peer name eth0 netns ${pod.netns}`,
      `link set ${veth} addrgenmode none up`,
      // The node has the same address on every link: no subnet is shared, nothing is bridged.
      `address add ${node.ipv4}/32 dev ${veth}`,
      // Neighbour discovery for a forwarded packet is sent from a link-local address only.
      `address add fe80::1/64 dev ${veth} nodad`,
      `address add ${node.ipv6}/128 dev ${veth} nodad`,
      `route add ${pod.ipv4}/32 dev ${veth}`,
      `route add ${pod.ipv6}/128 dev ${veth}`,
    ])
    ip(pod.netns, [
      'link set eth0 addrgenmode none up',
      `address add ${pod.ipv4}/32 dev eth0`,
      'address add fe80::2/64 dev eth0 nodad',
      `address add ${pod.ipv6}/128 dev eth0 nodad`,
      `route add ${node.ipv4}/32 dev eth0 scope link`,
      `route add default via ${node.ipv4} dev eth0`,
      `route add ${node.ipv6}/128 dev eth0`,
      `route add default via ${node.ipv6} dev eth0`,
    ])
    return pod
  }

  /** Makes a ClusterIP for one backend pod; `addresses` inside the API server's service range. */
  service(backend: Pod, ports: { port: number; targetPort: number }): ClusterIp {
    this.#services += 1
    const { port, targetPort } = ports
    const low = (this.#third << 8) | (0x10 + this.#services)
    const ipv4 = `10.96.${this.#third}.${0x10 + this.#services}`
    const ipv6 = `fd00:10:96::${low.toString(16)}`
    nft(this.node.netns, [
      `add rule inet services ${DNAT} ip daddr ${ipv4} tcp dport ${port} dnat ip to ${backend.ipv4}:${targetPort}`,
      `add rule inet services ${DNAT} ip6 daddr ${ipv6} tcp dport ${port} dnat ip6 to [${backend.ipv6}]:${targetPort}`,
    ])
    return { ipv4, ipv6, port }
  }

  /** Has nft do something in the node. */
  rule(rule: string): void {
    nft(this.node.netns, [rule])
  }

  /** Drops all that the pod sends and is sent, until the function that is given back is called. */
  cut({ name, ipv4, ipv6 }: Pod): () => void {
    const table = `inet cut-${name}`
    const drop = (rule: string) => `add rule ${table} forward ${rule} drop`
    nft(this.node.netns, [
      `add table ${table}`,
      `add chain ${table} forward { type filter hook forward priority filter; }`,
      ...[`ip saddr ${ipv4}`, `ip daddr ${ipv4}`, `ip6 saddr ${ipv6}`, `ip6 daddr ${ipv6}`].map(
        drop,
      ),
    ])
    return () => nft(this.node.netns, [`delete table ${table}`])
  }

  /** Removes every namespace of this network, and what still runs in them. Safe twice. */
  close(): void {
    for (const name of this.#names) remove(name)
    this.#names = []
    process.off('exit', this.#onExit)
  }

  readonly #onExit = (): void => this.close()

  #namespace(name: string, host: number): Pod {
    const netns = `${this.#slot}-${name}`
    run(['ip', 'netns', 'add', netns])
    this.#names.push(netns)
    ip(netns, ['link set lo up'])
    const inode = statSync(`${NAMES}/${netns}`).ino
    return {
      name,
      netns,
      inode,
      ipv4: `${this.#prefix4}.${host}`,
      ipv6: `${this.#v6}:${host.toString(16)}`,
    }
  }
}

const DNAT = 'prerouting'
const FORWARDING = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']

/** kube-proxy with --masquerade-all: the destination is rewritten first, the source last. */
const BASE_RULES = [
  'add table inet services',
  `add chain inet services ${DNAT} { type nat hook prerouting priority dstnat; }`,
  'add chain inet services postrouting { type nat hook postrouting priority srcnat; }',
  'add rule inet services postrouting ct status dnat masquerade',
]

/** The command line that runs a program inside a pod and ends it when this process ends. */
export function inPod(pod: Pod, command: readonly string[]): [string, ...string[]] {
  // The death signal reaches the program itself; nginx passes it on to its workers.
  return ['ip', 'netns', 'exec', pod.netns, 'setpriv', '--pdeathsig', 'TERM', '--', ...command]
}

/** Removes namespaces whose owner no longer lives, with the processes in them. */
function sweep(): void {
  for (const name of leftovers()) remove(name)
}

/** Removes a namespace and ends what runs in it. */
function remove(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout
  for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid))
  spawnSync('ip', ['netns', 'del', name])
}

function leftovers(): string[] {
  try {
    return readdirSync(NAMES).filter((name) => {
      const pid = /^flowspan-(\d+)-/.exec(name)?.[1]
      return pid !== undefined && !alive(Number(pid))
    })
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}

function ip(netns: string, commands: readonly string[]): void {
  run(['ip', '-n', netns, '-batch', '-'], commands.join('\n'))
}

function nft(netns: string, commands: readonly string[]): void {
  run(['ip', 'netns', 'exec', netns, 'nft', '-f', '-'], commands.join('\n'))
}

function run(command: readonly string[], input = ''): void {
  const [program, ...args] = command as [string, ...string[]]
  const { status, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`${command.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
