/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells of every open connection again: for a reader that has just begun, and knows none of them.
 * The keeper runs it; it goes through all network namespaces.
 */
#ifndef FLOWSPAN_BPF_SK_STORAGE_MAP_BPF_H
#define FLOWSPAN_BPF_SK_STORAGE_MAP_BPF_H

#include "connection.bpf.h"

SEC("iter/bpf_sk_storage_map")
int tell_open(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	const struct conn *conn = ctx->value;
	struct sock *sk = ctx->sk;
	const struct tcp_sock *tp;

	/* at the end of the map it is called once with neither */
	if (!conn || !sk)
		return 0;
	if (!conn->established_ns || conn->own || sk->__sk_common.skc_state == BPF_TCP_CLOSE)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		report_connection(conn, tp, CONN_INTERIM, CLOSE_NONE);
	return 0;
}

#endif
