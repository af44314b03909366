/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FLOWSPAN_ADDRESS_BPF_H
#define FLOWSPAN_ADDRESS_BPF_H

#include "kernel_types.h"

static __always_inline void map_ipv4(__u8 *to, __u32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

/* Both ends, 16 bytes each. */
static __always_inline void read_addresses(const struct sock *sk, __u8 *local, __u8 *remote)
{
	const struct sock_common *common = &sk->__sk_common;

	if (common->skc_family == AF_INET) {
		map_ipv4(local, common->skc_rcv_saddr);
		map_ipv4(remote, common->skc_daddr);
	} else {
		bpf_probe_read_kernel(local, 16, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(remote, 16, &common->skc_v6_daddr);
	}
}

#endif
