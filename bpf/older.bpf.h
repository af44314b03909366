/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that were open before the programs were attached: found through the files of all
 * processes, or met when a process first reads or writes.
 */
#ifndef FLOWSPAN_OLDER_BPF_H
#define FLOWSPAN_OLDER_BPF_H

#include "connection.bpf.h"

/* A listener's namespace and port. */
struct place {
	__u32 netns;
	__u32 port;
};

/* Listeners with a backlog of 0: what they accepted does not differ from what has connected. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct place);
	__type(value, __u8);
} no_backlog SEC(".maps");

/*
 * What was sent begins behind the SYN, and so does what was acknowledged, but for the client, whose
 * bytes_acked has the SYN. Not so where the host itself dropped a segment: it is sent twice then.
 */
static __always_inline bool begins_as_server(const struct sock *sk, const struct tcp_sock *tp)
{
	__u32 sent = tp->bytes_sent - tp->bytes_retrans;
	__u32 fin = sk->__sk_common.skc_state != BPF_TCP_ESTABLISHED &&
		    sk->__sk_common.skc_state != BPF_TCP_CLOSE_WAIT && tp->snd_nxt == tp->write_seq;

	return tp->snd_nxt - fin - sent == tp->snd_una - (__u32)tp->bytes_acked;
}

/*
 * An accepted socket is a copy of its listener, down to the backlog that listen() was given; one
 * that connected has none. Where listen() was given 0 and the place is not known (any more), the
 * counters tell: without the socket's lock two readings of them.
 */
static __always_inline __u8 role_of(const struct sock *sk, const struct tcp_sock *tp)
{
	struct place place = {
		.netns = sk->__sk_common.skc_net.net->ns.inum,
		.port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport),
	};

	if (sk->sk_max_ack_backlog || bpf_map_lookup_elem(&no_backlog, &place))
		return ROLE_SERVER;
	if (!begins_as_server(sk, tp))
		return ROLE_CLIENT;
	barrier();
	return begins_as_server(sk, tp) ? ROLE_SERVER : ROLE_CLIENT;
}

/*
 * Without the socket's lock, segments come meanwhile: the kernel moves a counter and its sequence
 * number one after the other. Two readings that agree were not taken in between.
 */
static __always_inline void take_isns_unlocked(struct conn *conn, const struct tcp_sock *tp)
{
	__u64 before;
	int i;

	take_isns(conn, tp);
	for (i = 0; i < 8; i++) {
		before = conn->flow_id;
		barrier();
		take_isns(conn, tp);
		if (conn->flow_id == before)
			break;
	}
}

/* In these states a socket has both sequence numbers, and ends by set_state. */
static __always_inline bool is_connected(const struct sock *sk)
{
	switch (sk->__sk_common.skc_state) {
	case BPF_TCP_ESTABLISHED:
	case BPF_TCP_FIN_WAIT1:
	case BPF_TCP_FIN_WAIT2:
	case BPF_TCP_CLOSE_WAIT:
	case BPF_TCP_LAST_ACK:
	case BPF_TCP_CLOSING:
		return true;
	}
	return false;
}

/*
 * Makes an open socket without a storage a followed connection. Its first record is for whoever
 * comes next: set_state, a piece, or the pass over all. What it did before is nobody's news.
 */
static __always_inline struct conn *adopt(struct sock *sk, const struct tcp_sock *tp)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!conn) {
		count(COUNTER_CONN_LOST_STORAGE);
		return NULL;
	}
	if (conn->conn_id)
		return conn;
	take_place(conn, sk);
	take_addresses(conn, tp);
	conn->role = role_of(sk, tp);
	conn->flags = CONN_OLDER;
	take_isns_unlocked(conn, tp);
	read_told(&conn->told, conn, tp);
	conn->told.time_ns = 0;
	conn->established_ns = bpf_ktime_get_ns();
	conn->streams[DIRECTION_RECEIVED].capture_until = read_position(tp) + knobs.capture_max;
	conn->streams[DIRECTION_SENT].capture_until =
		write_position(conn, tp) + knobs.capture_max;
	conn->conn_id = next_conn_id();
	return conn;
}

/*
 * A connection that no file led to: it was waiting for accept(), or its storage was refused. Not
 * inlined, as it is rare and would take registers from those who call it.
 */
static __noinline struct conn *meet(struct sock *sk)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	/* NULL for sockets of UDP, unix and netlink */
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *conn;
	__u32 word = selection;

	if (!tp)
		return NULL;
	/* with a selection most that have no storage are not wanted, and are asked about once */
	if ((word & SELECT_RULES && !(word & SELECT_MEETS)) || !is_connected(sk))
		return NULL;
	if (!is_selected(sk, tp, role_of(sk, tp)))
		return NULL;
	conn = adopt(sk, tp);
	if (!conn)
		return NULL;
	take_process(conn, pid_tgid);
	conn->own = is_own(pid_tgid >> 32);
	count(conn->own ? COUNTER_CONN_OWN : COUNTER_OLDER_MET);
	return conn;
}

#endif
