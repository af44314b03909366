/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Follows TCP sockets of all network namespaces from state to state.
 *
 *     client  CLOSE ─▶ SYN_SENT ─▶ ESTABLISHED ─▶ … ─▶ CLOSE
 *             begin     opened                        closed
 *     server  SYN_RECV ─▶ ESTABLISHED ─▶ … ─▶ CLOSE
 *             (nothing)    opened             closed
 *
 * The tracepoint fires before the socket's state changes. Only transitions that the owner's system
 * call makes run in its process: CLOSE→SYN_SENT, CLOSE→LISTEN, ESTABLISHED→FIN_WAIT1,
 * CLOSE_WAIT→LAST_ACK, and an abortive close.
 */
#ifndef FLOWSPAN_INET_SOCK_SET_STATE_BPF_H
#define FLOWSPAN_INET_SOCK_SET_STATE_BPF_H

#include "close_reason.bpf.h"
#include "connection.bpf.h"
#include "handshake.bpf.h"
#include "http_body.bpf.h"
#include "listener.bpf.h"

static __always_inline void begin_client(struct sock *sk, const struct tcp_sock *tp)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	bool own = is_own(pid_tgid >> 32);
	struct conn *conn;

	/* flowspan's own have a storage, by which the other end is known too */
	if (!own && !is_selected(sk, tp, ROLE_CLIENT)) {
		leave_out(sk);
		return;
	}
	conn = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn) {
		count(COUNTER_CONN_LOST_STORAGE);
		return;
	}
	/* a socket may connect again after a failure */
	__builtin_memset(conn, 0, sizeof(*conn));
	conn->conn_id = next_conn_id();
	conn->role = ROLE_CLIENT;
	conn->start_ns = bpf_ktime_get_ns();
	conn->tid = (__u32)pid_tgid;
	conn->sleeps = sleeps();
	conn->own = own;
	take_process(conn, pid_tgid);
	take_place(conn, sk);
	handshake_begins(conn, tp);
}

/*
 * The first round-trip sample of an accepted socket is its SYN-ACK's, unless that was sent again
 * or a SYN cookie forgot it: then nobody knows when the SYN came.
 */
static __always_inline void begin_server(struct conn *conn, struct sock *sk,
					 const struct tcp_sock *tp)
{
	__u64 round_trip_ns = (tp->srtt_us >> 3) * 1000ULL;

	conn->conn_id = next_conn_id();
	conn->role = ROLE_SERVER;
	if (round_trip_ns && !tp->total_retrans)
		conn->start_ns = bpf_ktime_get_ns() - round_trip_ns;
	take_place(conn, sk);
}

/* The storage of a socket that has none yet, as nobody called connect(). */
static __always_inline struct conn *accepted(struct sock *sk, const struct tcp_sock *tp)
{
	struct conn *conn;

	if (!is_selected(sk, tp, ROLE_SERVER)) {
		count(COUNTER_CONN_UNSELECTED);
		return NULL;
	}
	conn = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn)
		count(COUNTER_CONN_LOST_STORAGE);
	return conn;
}

static __always_inline void opened(struct sock *sk, const struct tcp_sock *tp, int oldstate)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, 0);

	if (!conn && oldstate == BPF_TCP_SYN_RECV)
		conn = accepted(sk, tp);
	if (!conn)
		return;
	/* two clients that connect to each other pass through SYN_RECV too, with a conn_id */
	if (!conn->conn_id)
		begin_server(conn, sk, tp);
	conn->established_ns = bpf_ktime_get_ns();
	conn->syn_retries = tp->total_retrans;
	conn->streams[DIRECTION_RECEIVED].capture_until = knobs.capture_max;
	conn->streams[DIRECTION_SENT].capture_until = knobs.capture_max;
	take_addresses(conn, tp);
	take_isns(conn, tp);
	conn->own = is_own_flow(conn, sk);
	if (conn->own)
		count(COUNTER_CONN_OWN);
	else
		report_connection(conn, tp, CONN_OPEN, CLOSE_NONE);
	if (conn->role == ROLE_CLIENT)
		handshake_ends(conn, tp, true);
}

static __always_inline void closed(struct sock *sk, const struct tcp_sock *tp, int oldstate)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, 0);
	enum close_reason reason;

	if (!conn)
		return;
	reason = close_reason(conn, tp, oldstate);
	if (!conn->established_ns) {
		take_addresses(conn, tp);
		conn->syn_retries = tp->total_retrans;
		conn->flags |= CONN_ID_LOCAL;
		conn->flow_id = flow_id_of_addresses(
			conn->local_addr, conn->remote_addr,
			(__u32)conn->local_port << 16 | conn->remote_port, conn->start_ns);
		if (conn->own)
			count(COUNTER_CONN_OWN);
	}
	conn->closed = 1;
	end_bodies(conn, tp);
	if (!conn->established_ns)
		handshake_ends(conn, tp, reason == CLOSE_REFUSED);
	else
		fold_rest(conn, tp);
	if (!conn->own)
		report_connection(conn, tp, CONN_CLOSED, reason);
}

static __always_inline void listening(struct sock *sk, const struct tcp_sock *tp)
{
	mark_listener(sk);
	watch_listener(sk, tp, (struct task_struct *)bpf_get_current_task_btf());
}

static __always_inline void listened(struct sock *sk, const struct tcp_sock *tp)
{
	struct listener *listener = bpf_sk_storage_get(&listeners, sk, 0, 0);

	if (listener)
		report_listener(listener, tp, CONN_CLOSED);
}

/* The closer stands in for a reader or writer that was never seen. */
static __always_inline void closing(struct sock *sk)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, 0);

	if (conn && !conn->pid)
		take_process(conn, bpf_get_current_pid_tgid());
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, struct sock *sk, int oldstate, int newstate)
{
	const struct tcp_sock *tp;
	bool aborting;

	/* nothing is to be done on the way to a close: a third of all runs */
	if (newstate == BPF_TCP_CLOSE_WAIT || newstate == BPF_TCP_FIN_WAIT2 ||
	    newstate == BPF_TCP_SYN_RECV || newstate == BPF_TCP_CLOSING)
		return 0;
	/* NULL for all but TCP: an MPTCP socket repeats the states of its first subflow */
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (newstate == BPF_TCP_SYN_SENT) {
		begin_client(sk, tp);
	} else if (newstate == BPF_TCP_ESTABLISHED) {
		opened(sk, tp, oldstate);
	} else if (newstate == BPF_TCP_FIN_WAIT1 || newstate == BPF_TCP_LAST_ACK) {
		closing(sk);
	} else if (newstate == BPF_TCP_LISTEN) {
		listening(sk, tp);
	} else if (newstate == BPF_TCP_CLOSE && oldstate == BPF_TCP_LISTEN) {
		listened(sk, tp);
	} else if (newstate == BPF_TCP_CLOSE) {
		aborting = oldstate == BPF_TCP_ESTABLISHED || oldstate == BPF_TCP_CLOSE_WAIT;
		if (aborting && !sk->sk_err)
			closing(sk);
		closed(sk, tp, oldstate);
	}
	return 0;
}

#endif
