/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A segment is sent again. How sure that is to be a loss depends on who says so:
 *
 *     recovery   later segments were acknowledged and this one was not: lost
 *     a timer    nothing came back for 200 ms or more; a host that stalls looks the same, on all
 *                its connections at once: those of one moment are one event
 *     a probe    of a tail that may be lost, or whose ACK is late: its answer tells (RFC 8985, 7.4)
 *
 * What a connection loses within a few milliseconds is one event, as in RFC 5348 (5.2): a queue
 * that overflows drops many in a row.
 */
#ifndef FLOWSPAN_TCP_RETRANSMIT_SKB_BPF_H
#define FLOWSPAN_TCP_RETRANSMIT_SKB_BPF_H

#include "loss.bpf.h"

/* The peer has acknowledged data; a server knows that its client is there. */
static __always_inline bool is_heard(const struct conn *conn, const struct tcp_sock *tp)
{
	return conn->role != ROLE_CLIENT || tp->bytes_acked > 1;
}

static __always_inline void resent(struct conn *conn, const struct tcp_sock *tp)
{
	__u64 now = bpf_ktime_get_ns();
	__u8 state = BPF_CORE_READ_BITFIELD(tp, inet_conn.icsk_ca_state);
	struct eye *eye = &conn->eye;
	struct edge *edge = edge_of(conn, now);

	if (!edge)
		return;
	fold(conn, tp, edge, now);
	__sync_fetch_and_add(&edge->retrans, 1);
	if (state == bpf_core_enum_value(enum tcp_ca_state, TCP_CA_Loss)) {
		lost_by_timer(conn, tp, edge, is_heard(conn, tp), now);
	} else if (state != bpf_core_enum_value(enum tcp_ca_state, TCP_CA_Recovery)) {
		eye->probing = is_heard(conn, tp) ? PROBING_HEARD : PROBING_UNHEARD;
		eye->dsacks = tp->dsack_dups;
	} else if (now - eye->loss_ns >= FOLD_NS) {
		eye->loss_ns = now;
		lose(conn, tp, edge, now);
	}
}

/* In the state of a handshake it is the SYN, which connections have a figure for. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(sent_again, struct sock *sk)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *conn;

	if (!tp)
		return 0;
	conn = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (conn && conn->established_ns && !conn->own)
		resent(conn, tp);
	return 0;
}

#endif
