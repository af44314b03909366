/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flowspan's own connections, which are left out: what its processes open, the other end of that
 * on the same host, and what its listening sockets accept.
 */
#ifndef FLOWSPAN_OWN_BPF_H
#define FLOWSPAN_OWN_BPF_H

#include "maps.bpf.h"

/* Processes of flowspan, written by the keeper. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u8);
} own SEC(".maps");

/* Flows that flowspan opened: the other end may be on this host. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} own_flows SEC(".maps");

/* Marks flowspan's listening sockets; the kernel copies the mark to what they accept. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u8);
} own_listeners SEC(".maps");

static __always_inline bool is_own(__u32 pid)
{
	return bpf_map_lookup_elem(&own, &pid) != NULL;
}

static __always_inline void mark_listener(struct sock *sk)
{
	if (!is_own(bpf_get_current_pid_tgid() >> 32))
		return;
	if (!bpf_sk_storage_get(&own_listeners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE))
		count(COUNTER_MARKS_LOST_STORAGE);
}

/* The client's end opens before the server's, so a flow of ours is known by then. */
static __always_inline bool is_own_flow(struct conn *conn, struct sock *sk)
{
	__u8 yes = 1;

	if (conn->role == ROLE_CLIENT) {
		if (conn->own)
			bpf_map_update_elem(&own_flows, &conn->flow_id, &yes, BPF_ANY);
		return conn->own;
	}
	return bpf_sk_storage_get(&own_listeners, sk, 0, 0) ||
	       bpf_map_lookup_elem(&own_flows, &conn->flow_id);
}

#endif
