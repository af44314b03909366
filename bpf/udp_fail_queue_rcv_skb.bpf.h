/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A datagram that its socket has no room for. It was counted as received a moment ago, on the same
 * CPU: that is taken back.
 *
 * Up to Linux 6.9 the tracepoint does not say which datagram it was, and nothing of IPv6. The
 * function that queues knows both, at the cost of a look at each datagram that it queues.
 */
#ifndef FLOWSPAN_UDP_FAIL_QUEUE_RCV_SKB_BPF_H
#define FLOWSPAN_UDP_FAIL_QUEUE_RCV_SKB_BPF_H

#include "udp_flow.bpf.h"

/* The peer, by the packet's own headers; false: neither of IPv4 nor of IPv6. */
static __always_inline bool take_peer(struct udp_key *key, const struct sk_buff *skb)
{
	const __u8 *head = BPF_CORE_READ(skb, head);
	const __u8 *network = head + BPF_CORE_READ(skb, network_header);
	const __u8 *transport = head + BPF_CORE_READ(skb, transport_header);
	__u8 version = 0;
	__u32 ipv4 = 0;
	__u16 port = 0;

	bpf_probe_read_kernel(&version, sizeof(version), network);
	bpf_probe_read_kernel(&port, sizeof(port), transport);
	key->remote_port = bpf_ntohs(port);
	if (version >> 4 == 4) {
		bpf_probe_read_kernel(&ipv4, sizeof(ipv4), network + 12);
		map_ipv4(key->remote_addr, ipv4);
		return true;
	}
	bpf_probe_read_kernel(key->remote_addr, 16, network + 8);
	return version >> 4 == 6;
}

/* The header was taken off by now. */
static __always_inline int take_back(struct sock *sk, const struct sk_buff *skb)
{
	struct udp_key key = {};
	struct udp_flow *flow;

	if (!take_peer(&key, skb))
		return 0;
	key.cookie = bpf_get_socket_cookie(sk);
	flow = bpf_map_lookup_elem(&udp_flows, &key);
	if (!flow)
		return 0;
	__sync_fetch_and_add(&flow->bytes[DIRECTION_RECEIVED], -(__u64)skb->len);
	__sync_fetch_and_add(&flow->count[DIRECTION_RECEIVED], -1ULL);
	__sync_fetch_and_add(&flow->drops, 1);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(udp_dropped, int why, struct sock *sk, const struct sk_buff *skb)
{
	return take_back(sk, skb);
}

SEC("fexit/__udp_enqueue_schedule_skb")
int BPF_PROG(udp_drop_fexit, struct sock *sk, const struct sk_buff *skb, int why)
{
	return why < 0 ? take_back(sk, skb) : 0;
}

#endif
