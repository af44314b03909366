/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A socket is closed. What it had of UDP is told of by the next sweep: to look for all its flows
 * would delay whoever closes it.
 */
#ifndef FLOWSPAN_CGROUP_SOCK_RELEASE_BPF_H
#define FLOWSPAN_CGROUP_SOCK_RELEASE_BPF_H

#include "udp_flow.bpf.h"

SEC("cgroup/sock_release")
int udp_closed(struct bpf_sock *sk)
{
	__u64 cookie;
	__u64 now;

	if (sk->protocol != IPPROTO_UDP)
		return 1;
	cookie = bpf_get_socket_cookie(sk);
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&udp_released, &cookie, &now, BPF_ANY);
	note_udp_news();
	return 1;
}

#endif
