/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds the sockets that are older than the programs, through the files of all processes: all
 * network namespaces, and whose they are. The keeper runs both once, after the probes have been
 * attached: listeners first, for role_of().
 */
#ifndef FLOWSPAN_TASK_FILE_BPF_H
#define FLOWSPAN_TASK_FILE_BPF_H

#include "listener.bpf.h"
#include "older.bpf.h"

static __always_inline struct sock *socket_of_file(struct file *file)
{
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;

	return socket ? socket->sk : NULL;
}

static __always_inline void take_task(struct conn *conn, struct task_struct *task)
{
	conn->pid = task->tgid;
	bpf_probe_read_kernel(conn->comm, COMM_LEN, task->group_leader->comm);
	meet_process(task);
}

SEC("iter/task_file")
int find_listeners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = socket_of_file(ctx->file);
	const struct tcp_sock *tp;
	struct place place = {};
	__u8 yes = 1;

	if (!task || !sk || sk->__sk_common.skc_state != BPF_TCP_LISTEN)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !watch_listener(sk, tp, task))
		return 0;
	count_many(COUNTER_OLDER_QUEUED, sk->sk_ack_backlog);
	if (!sk->sk_max_ack_backlog) {
		place.netns = sk->__sk_common.skc_net.net->ns.inum;
		place.port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
		bpf_map_update_elem(&no_backlog, &place, &yes, BPF_ANY);
	}
	return 0;
}

/* What several processes hold is whose it is who uses it first. */
static __always_inline void share(struct conn *conn, const struct task_struct *task)
{
	if (!conn->pid || conn->pid == (__u32)task->tgid || conn->told.time_ns)
		return;
	conn->pid = 0;
	__builtin_memset(conn->comm, 0, COMM_LEN);
	count(COUNTER_OLDER_SHARED);
}

/* A connect under way: set_state will tell what becomes of it. */
static __always_inline void begin_older(struct sock *sk, const struct tcp_sock *tp,
					struct task_struct *task)
{
	struct conn *conn;

	if (!is_own(task->tgid) && !is_selected(sk, tp, ROLE_CLIENT))
		return;
	conn = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn || conn->conn_id)
		return;
	conn->role = ROLE_CLIENT;
	take_place(conn, sk);
	take_task(conn, task);
	conn->own = is_own(conn->pid);
	conn->conn_id = next_conn_id();
}

SEC("iter/task_file")
int find_older(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = socket_of_file(ctx->file);
	const struct tcp_sock *tp;
	struct conn *conn;

	if (!task || !sk)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp && sk->__sk_common.skc_state == BPF_TCP_SYN_SENT)
		begin_older(sk, tp, task);
	if (!is_connected(sk))
		return 0;
	if (!tp) {
		if (sk->sk_protocol == IPPROTO_MPTCP)
			count(COUNTER_OLDER_MPTCP);
		return 0;
	}
	conn = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (conn) {
		if (conn->flags & CONN_OLDER)
			share(conn, task);
		return 0;
	}
	if (!is_own(task->tgid) && !is_selected(sk, tp, role_of(sk, tp)))
		return 0;
	conn = adopt(sk, tp);
	if (!conn)
		return 0;
	take_task(conn, task);
	conn->own = is_own(conn->pid);
	count(conn->own ? COUNTER_CONN_OWN : COUNTER_OLDER_FOUND);
	return 0;
}

#endif
