/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A SYN-ACK that was sent again: of handshakes that succeed and of those that nobody ends, which
 * never become a connection.
 */
#ifndef FLOWSPAN_TCP_RETRANSMIT_SYNACK_BPF_H
#define FLOWSPAN_TCP_RETRANSMIT_SYNACK_BPF_H

#include "listener.bpf.h"

struct request_sock;

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(synack_retry, struct sock *sk, struct request_sock *request)
{
	struct listener *listener = bpf_sk_storage_get(&listeners, sk, 0, 0);

	if (listener)
		__sync_fetch_and_add(&listener->synack_retries, 1);
	return 0;
}

#endif
