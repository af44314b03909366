/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets that the kernel drops, by reason: counted for the host, and for the connection whose
 * socket the packet is on its way from, or had been found for.
 *
 * Not what is dropped on its way through the host or before its socket is looked for (a filter, a
 * queue of a device): that counts for the host alone. Nor what has no reason: much of that is
 * routine.
 */
#ifndef FLOWSPAN_KFREE_SKB_BPF_H
#define FLOWSPAN_KFREE_SKB_BPF_H

#include "core_fixes.bpf.h"
#include "maps.bpf.h"
#include "socket_of.bpf.h"
#include "verdict.bpf.h"

/* By majority vote (Boyer and Moore): two unlike reasons cancel each other out. */
static __always_inline void vote(struct conn *conn, __u32 reason)
{
	if (conn->drop_reason == reason) {
		conn->drop_votes++;
	} else if (conn->drop_votes == 0) {
		conn->drop_reason = reason;
		conn->drop_votes = 1;
	} else {
		conn->drop_votes--;
	}
}

static __always_inline void count_drop(struct sock *sk, __u32 reason)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, 0);

	if (!conn)
		return;
	__sync_fetch_and_add(&conn->drops, 1);
	vote(conn, reason);
}

/* No reason, or the FIN that lies in the queue of every connection that is closed. */
static __always_inline bool is_routine(__u32 reason)
{
	if (reason <= bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED))
		return true;
	return bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE) &&
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE);
}

/* skb, location, reason, rx_sk: the last two are newer than others. */
SEC("tp_btf/kfree_skb")
int dropped(unsigned long long *ctx)
{
	const struct sk_buff *skb = (const void *)ctx[0];
	struct sock *sk = NULL;
	__u32 reason;

	if (!HAS_DROP_REASON)
		return 0;
	reason = ctx[2];
	if (is_routine(reason))
		return 0;
	count(COUNTER_DROPS + least(reason, COUNTER_DROPS_OTHER - COUNTER_DROPS));
	if (HAS_DROP_SOCKET) {
		sk = (struct sock *)ctx[3];
		if (sk) {
			count_drop(sk, reason);
			return 0;
		}
	}
	sk = socket_of(skb);
	if (sk)
		count_drop(sk, reason);
	return 0;
}

#endif
