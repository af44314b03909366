// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that do nothing, for what the kernel takes to call one: what bpf_stats does not see.
 * Eight at one tracepoint, so that they stand out; one each way of the cgroup tree.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EMPTY(n) \
	SEC("tp_btf/skb_copy_datagram_iovec") int traced_##n(void *ctx) { return 0; }

EMPTY(1)
EMPTY(2)
EMPTY(3)
EMPTY(4)
EMPTY(5)
EMPTY(6)
EMPTY(7)
EMPTY(8)

SEC("cgroup_skb/egress")
int passes_out(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int passes_in(struct __sk_buff *skb)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
