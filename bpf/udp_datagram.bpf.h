/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A datagram of UDP as it passes a socket's cgroup: whose it is, how long, where its bytes are.
 *
 *     skb   │ IPv4, or IPv6 and what it carries │ UDP 8 │ payload │
 *           0                                           at
 *
 * With segmentation offload one buffer is several datagrams, on the way out (UDP_SEGMENT) and in
 * (UDP_GRO): gso_segs says how many.
 */
#ifndef FLOWSPAN_UDP_DATAGRAM_BPF_H
#define FLOWSPAN_UDP_DATAGRAM_BPF_H

#include "connection.bpf.h"

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES 8
/* Extension headers of IPv6 that are gone through (RFC 8200 §4): options, routing, options. */
#define EXTENSIONS_MAX 4
#define HOP_BY_HOP 0
#define ROUTING 43
#define DESTINATION 60

struct datagram {
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	/* bytes of payload, where they begin, and of how many datagrams they are */
	__u32 len;
	__u32 at;
	__u32 count;
	__u32 direction;
	__u32 connected;
};

/* Where UDP's header begins; 0: this is no datagram that can be read. Fills in addresses. */
static __always_inline __u32 take_network(struct __sk_buff *skb, struct datagram *datagram)
{
	bool sent = datagram->direction == DIRECTION_SENT;
	__u8 *source = sent ? datagram->local_addr : datagram->remote_addr;
	__u8 *target = sent ? datagram->remote_addr : datagram->local_addr;
	__u8 header[IPV6_BYTES];
	__u8 next;
	__u32 at;

	if (bpf_skb_load_bytes(skb, 0, header, IPV4_BYTES))
		return 0;
	if (header[0] >> 4 == 4) {
		map_ipv4(source, *(__u32 *)(header + 12));
		map_ipv4(target, *(__u32 *)(header + 16));
		return header[9] == IPPROTO_UDP ? (header[0] & 15) * 4 : 0;
	}
	if (header[0] >> 4 != 6 || bpf_skb_load_bytes(skb, 0, header, IPV6_BYTES))
		return 0;
	__builtin_memcpy(source, header + 8, 16);
	__builtin_memcpy(target, header + 24, 16);
	next = header[6];
	at = IPV6_BYTES;
	for (int i = 0; i < EXTENSIONS_MAX && next != IPPROTO_UDP; i++) {
		if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION)
			return 0;
		if (bpf_skb_load_bytes(skb, at, header, 2))
			return 0;
		next = header[0];
		at += (header[1] + 1) * 8;
	}
	return next == IPPROTO_UDP ? at : 0;
}

/*
 * A socket that is connected says itself who its peer is: what goes out was translated already
 * (DNAT of a ClusterIP on its own host), what comes in was translated back.
 */
static __always_inline void take_socket(const struct bpf_sock *sk, struct datagram *datagram)
{
	__u32 words[4];

	datagram->local_port = sk->src_port;
	/* UDP borrows the state from TCP */
	datagram->connected = sk->state == BPF_TCP_ESTABLISHED;
	if (!datagram->connected)
		return;
	datagram->remote_port = bpf_ntohs(sk->dst_port);
	if (sk->family == AF_INET) {
		map_ipv4(datagram->local_addr, sk->src_ip4);
		map_ipv4(datagram->remote_addr, sk->dst_ip4);
		return;
	}
	words[0] = sk->src_ip6[0];
	words[1] = sk->src_ip6[1];
	words[2] = sk->src_ip6[2];
	words[3] = sk->src_ip6[3];
	__builtin_memcpy(datagram->local_addr, words, 16);
	words[0] = sk->dst_ip6[0];
	words[1] = sk->dst_ip6[1];
	words[2] = sk->dst_ip6[2];
	words[3] = sk->dst_ip6[3];
	__builtin_memcpy(datagram->remote_addr, words, 16);
}

/* false: it cannot be read. */
static __always_inline bool take_datagram(struct __sk_buff *skb, const struct bpf_sock *sk,
					  struct datagram *datagram)
{
	__u32 network = take_network(skb, datagram);
	__u16 ports[2];

	if (!network || bpf_skb_load_bytes(skb, network, ports, sizeof(ports)) ||
	    skb->len < network + UDP_BYTES)
		return false;
	datagram->remote_port = bpf_ntohs(ports[datagram->direction == DIRECTION_SENT]);
	datagram->at = network + UDP_BYTES;
	datagram->len = skb->len - datagram->at;
	datagram->count = skb->gso_segs ? skb->gso_segs : 1;
	take_socket(sk, datagram);
	return true;
}

#endif
