/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection's state: filled at its begin, reported when it opens and closes.
 */
#ifndef FLOWSPAN_CONNECTION_BPF_H
#define FLOWSPAN_CONNECTION_BPF_H

#include "core_fixes.bpf.h"
#include "figures.bpf.h"
#include "flow_id.h"
#include "identity.bpf.h"
#include "own.bpf.h"
#include "selection.bpf.h"

/* CPU number and count: unique while the map lives, without a shared cache line. */
static __always_inline __u64 next_conn_id(void)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&conn_ids, &zero);

	if (!last)
		return 0;
	return (__u64)(bpf_get_smp_processor_id() + 1) << 48 | ++*last;
}

/*
 * Takes the current process as the connection's. Only where the process itself calls the kernel:
 * in softirq `current` is whoever was interrupted. The name is the first thread's, which names the
 * program; other threads are often named after their work.
 */
static __always_inline void take_process(struct conn *conn, __u64 pid_tgid)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

	if (task->flags & PF_KTHREAD)
		return;
	conn->pid = pid_tgid >> 32;
	bpf_probe_read_kernel(conn->comm, COMM_LEN, task->group_leader->comm);
	meet_process(task);
}

/* How often the current thread has given up its CPU by itself. */
static __always_inline __u32 sleeps(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

	return task->nvcsw;
}

static __always_inline void take_addresses(struct conn *conn, const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;

	/* not skc_num: that is 0 again when a failed connect is closed */
	conn->local_port = bpf_ntohs(inet->inet_sport);
	conn->remote_port = bpf_ntohs(inet->sk.__sk_common.skc_dport);
	read_addresses(&inet->sk, conn->local_addr, conn->remote_addr);
}

/* bytes_acked counts the client's SYN, not the server's SYN-ACK; bytes_received counts neither. */
static __always_inline void take_isns(struct conn *conn, const struct tcp_sock *tp)
{
	__u32 sent = tp->snd_una - (__u32)tp->bytes_acked - conn->role;
	__u32 received = tp->rcv_nxt - (__u32)tp->bytes_received - 1;

	conn->flow_id = conn->role == ROLE_CLIENT ? flow_id_of_isns(sent, received) :
						    flow_id_of_isns(received, sent);
}

/* Where the stream that this end receives has been read to; of an unlocked socket, about. */
static __always_inline __u64 read_position(const struct tcp_sock *tp)
{
	return tp->bytes_received - (__u32)(tp->rcv_nxt - tp->copied_seq);
}

/* And the one it sends, written. The client's SYN is in bytes_acked, the server's SYN-ACK not. */
static __always_inline __u64 write_position(const struct conn *conn, const struct tcp_sock *tp)
{
	return tp->bytes_acked - (conn->role == ROLE_CLIENT) +
	       (__u32)(tp->write_seq - tp->snd_una);
}

static __always_inline void take_place(struct conn *conn, const struct sock *sk)
{
	conn->netns = sk->__sk_common.skc_net.net->ns.inum;
	conn->cgroup_id = get_cgroup_id(sk);
}

/* All ones until there is a sample. */
static __always_inline __u32 min_rtt_us(const struct tcp_sock *tp)
{
	return tp->rtt_min.s[0].v == ~0U ? 0 : tp->rtt_min.s[0].v;
}

static __always_inline void report_connection(struct conn *conn, const struct tcp_sock *tp,
					      enum conn_state state, enum close_reason reason)
{
	struct conn_record *record;
	__u64 isns;

	/* the closed record of what was open names the same cgroup */
	if (state != CONN_CLOSED || !conn->established_ns)
		meet_socket_cgroup(&tp->inet_conn.icsk_inet.sk);
	count(COUNTER_CONN_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_CONN_LOST_RING);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->type = RECORD_CONNECTION;
	record->state = state;
	record->role = conn->role;
	record->close_reason = reason;
	record->flags = conn->flags;
	record->conn_id = conn->conn_id;
	record->flow_id = conn->flow_id;
	record->start_ns = conn->start_ns;
	record->established_ns = conn->flags & CONN_OLDER ? 0 : conn->established_ns;
	record->end_ns = state == CONN_OPEN ? 0 : bpf_ktime_get_ns();
	record->cgroup_id = conn->cgroup_id;
	/* bytes_sent counts a byte as often as it was sent */
	record->bytes_sent = tp->bytes_sent - tp->bytes_retrans;
	record->bytes_received = bytes_received(tp);
	record->netns = conn->netns;
	record->pid = conn->pid;
	record->tid = conn->tid;
	record->sleeps = conn->sleeps;
	isns = conn->flags & CONN_ID_LOCAL ? 0 : unmix64(conn->flow_id);
	record->isn_client = isns >> 32;
	record->isn_server = isns;
	record->segs_out = tp->segs_out;
	record->segs_in = tp->segs_in;
	record->retrans = tp->total_retrans - conn->syn_retries;
	record->syn_retries = conn->syn_retries;
	record->lost = tp->lost;
	/* fixed point in the kernel: eighths and quarters */
	record->srtt_us = tp->srtt_us >> 3;
	record->rttvar_us = tp->srtt_us ? tp->mdev_us >> 2 : 0;
	record->min_rtt_us = min_rtt_us(tp);
	record->local_port = conn->local_port;
	record->remote_port = conn->remote_port;
	fill_figures(&record->figures, conn, tp);
	__builtin_memcpy(record->local_addr, conn->local_addr, 16);
	__builtin_memcpy(record->remote_addr, conn->remote_addr, 16);
	__builtin_memcpy(record->comm, conn->comm, COMM_LEN);
	bpf_ringbuf_submit(record, wake_flags(&connections, sizeof(*record)));
}

#endif
