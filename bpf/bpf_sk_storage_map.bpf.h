/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes over all open connections, and over listeners, of all network namespaces. The keeper
 * runs them, a slice at a time: a pass writes a byte for each record, and for each SCANNED_A_BYTE
 * sockets that it has looked at, and a read of so many bytes ends there. The next read goes on.
 */
#ifndef FLOWSPAN_BPF_SK_STORAGE_MAP_BPF_H
#define FLOWSPAN_BPF_SK_STORAGE_MAP_BPF_H

#include "listener.bpf.h"

#define SCANNED_A_BYTE 16

/* One pass at a time, on one CPU at a time. */
static __u32 scanned;

static __always_inline void step(struct bpf_iter_meta *meta, bool reported)
{
	__u8 byte = 1;

	if (reported || ++scanned % SCANNED_A_BYTE == 0)
		bpf_seq_write(meta->seq, &byte, sizeof(byte));
}

/* Leaves half of the ring to connections that open and close. */
static __always_inline bool has_room(void)
{
	if (bpf_ringbuf_query(&connections, BPF_RB_AVAIL_DATA) <
	    bpf_ringbuf_query(&connections, BPF_RB_RING_SIZE) / 2)
		return true;
	count(COUNTER_INTERIM_PUT_OFF);
	return false;
}

static __always_inline bool tell(struct conn *conn, struct sock *sk)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp || !has_room())
		return false;
	report_connection(conn, tp, CONN_INTERIM, CLOSE_NONE);
	return true;
}

static __always_inline bool is_told_of(const struct conn *conn, const struct sock *sk)
{
	return conn->established_ns && !conn->own && sk->__sk_common.skc_state != BPF_TCP_CLOSE;
}

/* For a reader that has just begun, and knows none of them. */
SEC("iter/bpf_sk_storage_map")
int tell_open(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *conn = ctx->value;
	struct sock *sk = ctx->sk;

	/* at the end of the map it is called once with neither */
	if (conn && sk)
		step(ctx->meta, is_told_of(conn, sk) && tell(conn, sk));
	return 0;
}

/*
 * Is there anything new? Segments came or went, or what is to be sent waits. A connection that is
 * idle has no record: a host that does nothing is silent.
 */
static __always_inline bool has_news(const struct conn *conn, struct sock *sk)
{
	const struct tcp_sock *tp;

	if (!conn->told.time_ns)
		return true;
	if (bpf_ktime_get_ns() - conn->told.time_ns < knobs.interim_ns)
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	return tp && (tp->segs_out + tp->segs_in != conn->told.segs || get_chrono_type(tp));
}

/* What open connections have done since their last record. */
SEC("iter/bpf_sk_storage_map")
int tell_interim(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *conn = ctx->value;
	struct sock *sk = ctx->sk;

	if (conn && sk)
		step(ctx->meta, is_told_of(conn, sk) && has_news(conn, sk) && tell(conn, sk));
	return 0;
}

/*
 * Lets go of connections that a new selection does not want: their last record is closed, without
 * a reason. Those that are just connecting stay.
 */
SEC("iter/bpf_sk_storage_map")
int let_go(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *conn = ctx->value;
	struct sock *sk = ctx->sk;
	const struct tcp_sock *tp;

	if (!conn || !sk)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !is_told_of(conn, sk) || is_selected(sk, tp, conn->role)) {
		step(ctx->meta, false);
		return 0;
	}
	conn->closed = 1;
	report_connection(conn, tp, CONN_CLOSED, CLOSE_NONE);
	bpf_sk_storage_delete(&conns, sk);
	step(ctx->meta, true);
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int tell_listeners(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct listener *listener = ctx->value;
	struct sock *sk = ctx->sk;
	const struct tcp_sock *tp;

	if (!listener || !sk || sk->__sk_common.skc_state != BPF_TCP_LISTEN)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	step(ctx->meta, tp && has_room() && report_listener(listener, tp, CONN_INTERIM));
	return 0;
}

#endif
