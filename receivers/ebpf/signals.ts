/**
 * Every signal that the kernel programs give, and the ways to it, the one that costs least first.
 * At start each way is tried as it will be used, loaded and attached (select.ts); the first that
 * works is taken. A program that no way names is never loaded.
 */

/** One way to a signal: programs of bpf/ that are loaded and attached together. */
export interface Way {
  /** As the kernel calls it, with the program's type as libbpf spells it. */
  readonly hook: string
  readonly programs: readonly string[]
  /** Programs that are attached to the root of the cgroup v2 tree instead. */
  readonly cgroup?: readonly string[]
  /** Programs that are run when needed, and attached to nothing. */
  readonly iterators?: readonly string[]
  /** What the kernel must have, with the Linux that brought it: "the tracepoint x (Linux 5.15)". */
  readonly needs: string
}

/**
 * `payload` is wanted where requests are read. Its signals come together or not at all, and so do
 * those of `udp`, unless they say that they may be missing; `dns` is both. `drops` is wanted where
 * packets that the kernel drops are counted, `episodes` where delay, jitter and loss are watched.
 */
export type SignalGroup = 'connections' | 'payload' | 'drops' | 'episodes' | 'udp' | 'dns'

export interface KernelSignal {
  readonly signal: string
  readonly group: SignalGroup
  /** Without it flowspan does not start. */
  readonly required?: boolean
  /** The others of its group do without it. */
  readonly optional?: boolean
  readonly ways: readonly Way[]
}

const FUNCTION_TRACING = 'tracing of functions (Linux 5.5 on x86-64, 6.4 on arm64)'
const SOCKET_STORAGE = 'storage of sockets in tracing programs (Linux 5.11)'
const CGROUP_TASKS = 'bpf_get_current_task_btf() in programs of cgroups (Linux 5.15)'

export const KERNEL_SIGNALS: readonly KernelSignal[] = [
  {
    signal: 'connections',
    group: 'connections',
    required: true,
    ways: [
      {
        hook: 'tp_btf/inet_sock_set_state',
        programs: ['set_state'],
        needs: SOCKET_STORAGE,
      },
    ],
  },
  {
    signal: 'connect_errors',
    group: 'connections',
    ways: [
      {
        hook: 'tp_btf/inet_sk_error_report',
        programs: ['error_report'],
        needs: 'the tracepoint inet_sk_error_report (Linux 5.14)',
      },
    ],
  },
  {
    // What has come about on them, and what a child that was started again has to be told of.
    signal: 'open_connections',
    group: 'connections',
    ways: [
      {
        hook: 'iter/bpf_sk_storage_map',
        programs: [],
        iterators: ['tell_open', 'tell_interim', 'let_go'],
        needs: 'iterators over storage of sockets (Linux 5.9)',
      },
    ],
  },
  {
    // Whose they are, for the same child.
    signal: 'open_processes',
    group: 'connections',
    ways: [
      {
        hook: 'iter/task',
        programs: [],
        iterators: ['tell_processes'],
        needs: 'iterators over tasks (Linux 5.8)',
      },
    ],
  },
  {
    signal: 'older_connections',
    group: 'connections',
    ways: [
      {
        hook: 'iter/task_file',
        programs: [],
        iterators: ['find_listeners', 'find_older'],
        needs: 'bpf_sock_from_file() and storage of sockets in iterators (Linux 5.11)',
      },
    ],
  },
  {
    signal: 'listener_drops',
    group: 'connections',
    ways: [
      {
        hook: 'iter/bpf_sk_storage_map',
        programs: [],
        iterators: ['tell_listeners'],
        needs: 'iterators over storage of sockets (Linux 5.9)',
      },
    ],
  },
  {
    signal: 'synack_retries',
    group: 'connections',
    ways: [
      {
        hook: 'tp_btf/tcp_retransmit_synack',
        programs: ['synack_retry'],
        needs: SOCKET_STORAGE,
      },
    ],
  },
  {
    signal: 'drops',
    group: 'drops',
    ways: [
      {
        hook: 'tp_btf/kfree_skb',
        programs: ['dropped'],
        needs: 'reasons in the tracepoint kfree_skb (Linux 5.17)',
      },
    ],
  },
  {
    signal: 'delay_episodes',
    group: 'episodes',
    optional: true,
    ways: [
      {
        hook: 'tp_btf/tcp_probe',
        programs: ['segment_came'],
        needs: SOCKET_STORAGE,
      },
    ],
  },
  {
    // Segments are counted by the other.
    signal: 'loss_episodes',
    group: 'episodes',
    optional: true,
    ways: [
      {
        hook: 'tp_btf/tcp_retransmit_skb',
        programs: ['sent_again'],
        needs: SOCKET_STORAGE,
      },
    ],
  },
  {
    // Whose processes connect is known where a connection begins.
    signal: 'own_exclusion',
    group: 'connections',
    ways: [
      {
        hook: 'tp_btf/inet_sock_set_state',
        programs: ['set_state'],
        needs: SOCKET_STORAGE,
      },
    ],
  },
  {
    signal: 'payload_received',
    group: 'payload',
    ways: [
      {
        hook: 'tp_btf/skb_copy_datagram_iovec',
        programs: ['received'],
        needs: 'bpf_dynptr_from_skb() in tracing programs (Linux 6.12)',
      },
      {
        hook: 'fexit/skb_copy_datagram_iter',
        programs: ['received_fexit'],
        needs: `${FUNCTION_TRACING}, and bpf_loop() (Linux 5.17)`,
      },
    ],
  },
  {
    signal: 'payload_sent',
    group: 'payload',
    ways: [
      {
        hook: 'tp_btf/tcp_sendmsg_locked',
        programs: ['sent'],
        needs: 'the tracepoint tcp_sendmsg_locked (Linux 6.16)',
      },
      {
        // What is sent from files has its own function there.
        hook: 'fentry/tcp_sendmsg_locked, fentry/do_tcp_sendpages',
        programs: ['sent_fentry', 'sent_pages'],
        needs: `${FUNCTION_TRACING}, and do_tcp_sendpages() (before Linux 6.5)`,
      },
      {
        hook: 'fentry/tcp_sendmsg_locked',
        programs: ['sent_fentry'],
        needs: `${FUNCTION_TRACING}, and bpf_loop() (Linux 5.17)`,
      },
    ],
  },
  {
    signal: 'udp_sent',
    group: 'udp',
    ways: [
      {
        hook: 'cgroup_skb/egress',
        programs: [],
        cgroup: ['udp_sent'],
        iterators: ['sweep_udp'],
        needs: CGROUP_TASKS,
      },
    ],
  },
  {
    signal: 'udp_received',
    group: 'udp',
    ways: [
      {
        hook: 'cgroup_skb/ingress',
        programs: [],
        cgroup: ['udp_received'],
        needs: CGROUP_TASKS,
      },
    ],
  },
  {
    // Without it a flow is over when it has been idle for long enough.
    signal: 'udp_closed',
    group: 'udp',
    optional: true,
    ways: [
      {
        hook: 'cgroup/sock_release',
        programs: [],
        cgroup: ['udp_closed'],
        needs: 'programs for the release of sockets (Linux 5.9)',
      },
    ],
  },
  {
    signal: 'udp_drops',
    group: 'udp',
    optional: true,
    ways: [
      {
        hook: 'tp_btf/udp_fail_queue_rcv_skb',
        programs: ['udp_dropped'],
        needs: 'the packet in the tracepoint udp_fail_queue_rcv_skb (Linux 6.10)',
      },
      {
        hook: 'fexit/__udp_enqueue_schedule_skb',
        programs: ['udp_drop_fexit'],
        needs: `${FUNCTION_TRACING}, and socket cookies there (Linux 5.12)`,
      },
    ],
  },
  {
    // Look-ups in datagrams; those over TCP are payload.
    signal: 'dns',
    group: 'dns',
    ways: [
      {
        hook: 'cgroup_skb',
        programs: [],
        cgroup: ['udp_sent', 'udp_received'],
        iterators: ['sweep_udp'],
        needs: CGROUP_TASKS,
      },
    ],
  },
]
