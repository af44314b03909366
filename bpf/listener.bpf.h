/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Listening sockets: what found no room in their queues, and what was answered in vain.
 *
 * SYNs that are dropped at a full accept queue raise no event: the listener's sk_drops counts them,
 * and the last ACKs of handshakes that are dropped so.
 */
#ifndef FLOWSPAN_LISTENER_BPF_H
#define FLOWSPAN_LISTENER_BPF_H

#include "connection.bpf.h"

struct listener {
	__u32 pid;
	/* when it was first seen */
	__u32 drops_before;
	__u32 drops_told;
	__u32 synack_retries;
	__u32 synack_retries_told;
	char comm[COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

/* Makes the listener known; NULL where it was, is flowspan's, or not wanted. */
static __always_inline struct listener *watch_listener(struct sock *sk, const struct tcp_sock *tp,
						       struct task_struct *task)
{
	struct listener *listener = bpf_sk_storage_get(&listeners, sk, 0, 0);

	if (listener || is_own(task->tgid) || !is_selected_listener(sk, tp))
		return NULL;
	listener = bpf_sk_storage_get(&listeners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!listener) {
		count(COUNTER_CONN_LOST_STORAGE);
		return NULL;
	}
	listener->pid = task->tgid;
	listener->drops_before = sk->sk_drops.counter;
	bpf_probe_read_kernel(listener->comm, COMM_LEN, task->group_leader->comm);
	meet_process(task);
	return listener;
}

static __always_inline void fill_listener(struct listener_record *record,
					  struct listener *listener, const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	const struct sock *sk = &inet->sk;
	__u8 remote_addr[16];

	record->local_port = bpf_ntohs(inet->inet_sport);
	record->netns = sk->__sk_common.skc_net.net->ns.inum;
	record->cgroup_id = get_cgroup_id(sk);
	record->time_ns = bpf_ktime_get_ns();
	record->pid = listener->pid;
	record->drops = sk->sk_drops.counter - listener->drops_before;
	record->drops_since = record->drops - listener->drops_told;
	record->synack_retries = listener->synack_retries;
	record->synack_retries_since = listener->synack_retries - listener->synack_retries_told;
	record->accept_queue = sk->sk_ack_backlog;
	record->accept_queue_max = sk->sk_max_ack_backlog;
	read_addresses(sk, record->local_addr, remote_addr);
	__builtin_memcpy(record->comm, listener->comm, COMM_LEN);
}

/* Reports a listener that has something new to tell; false: it has not. */
static __always_inline bool report_listener(struct listener *listener, const struct tcp_sock *tp,
					    enum conn_state state)
{
	__u32 drops = tp->inet_conn.icsk_inet.sk.sk_drops.counter - listener->drops_before;
	struct listener_record *record;

	if (drops == listener->drops_told &&
	    listener->synack_retries == listener->synack_retries_told)
		return false;
	meet_socket_cgroup(&tp->inet_conn.icsk_inet.sk);
	count(COUNTER_LISTENER_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_LISTENER_LOST_RING);
		return false;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->type = RECORD_LISTENER;
	record->state = state;
	fill_listener(record, listener, tp);
	listener->drops_told = record->drops;
	listener->synack_retries_told = record->synack_retries;
	bpf_ringbuf_submit(record, wake_flags(&connections, sizeof(*record)));
	return true;
}

#endif
