/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ from each other. Each function names the commit that made the difference.
 */
#ifndef FLOWSPAN_CORE_FIXES_BPF_H
#define FLOWSPAN_CORE_FIXES_BPF_H

#include "kernel_types.h"

/*
 * 8520e224f547 ("bpf, cgroups: Fix cgroup v2 fallback on v1/v2 mixed mode"), v5.15: a socket's
 * cgroup became a pointer of its own; before, it shared its word with the v1 class id.
 */
static __always_inline const struct cgroup *get_cgroup(const struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return NULL;
	return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
}

static __always_inline __u64 get_cgroup_id(const struct sock *sk)
{
	return BPF_CORE_READ(get_cgroup(sk), kn, id);
}

/*
 * 7f203bc89eb6 ("cgroup: Replace cgroup->ancestor_ids[] with ->ancestors[]"), v6.1. The id of the
 * cgroup so far below the root that is this one or contains it; 0: there is none.
 */
static __always_inline __u64 get_ancestor_id(const struct cgroup *cgroup, int level)
{
	const struct cgroup *ancestor = NULL;
	__u64 id = 0;
	__u32 at;

	if (level > BPF_CORE_READ(cgroup, level))
		return 0;
	if (bpf_core_field_exists(struct cgroup, ancestors)) {
		at = bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(ancestor);
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor), (const char *)cgroup + at);
		return BPF_CORE_READ(ancestor, kn, id);
	}
	if (!bpf_core_field_exists(struct cgroup___ids, ancestor_ids))
		return 0;
	at = bpf_core_field_offset(struct cgroup___ids, ancestor_ids) + level * sizeof(id);
	bpf_probe_read_kernel(&id, sizeof(id), (const char *)cgroup + at);
	return id;
}

/*
 * fcb14cb1bdac ("new iov_iter flavour - ITER_UBUF"), v6.0: one buffer without an iovec.
 */
static __always_inline bool is_ubuf(const struct iov_iter *iter)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       iter->iter_type == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}


/*
 * de4f5fed3f23 ("iov_iter: add iter_iovec() helper") and 747b1f65d39a, v6.4: `iov` became `__iov`.
 * The one buffer (`ubuf`) shares its place.
 */
static __always_inline const void *get_buffers(const struct iov_iter *iter)
{
	const struct iov_iter___old *old = (const void *)iter;

	return bpf_core_field_exists(iter->__iov) ? iter->__iov : old->iov;
}

/*
 * c53795d48ee8 ("net: add rx_sk to trace_kfree_skb"), v6.11: the socket that a received packet was
 * for. c504e5c2f964 ("net: skb: introduce kfree_skb_reason()"), v5.17: the reason. Where they are
 * not, the verifier does not look at what reads them.
 */
#define HAS_DROP_REASON bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason)
#define HAS_DROP_SOCKET bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)

/*
 * 614e8316aa4c ("tcp: add support for usec resolution in TCP TS values"), v6.7: timestamps in
 * microseconds, on routes that say so, where both ends can.
 */
static __always_inline bool get_usec_timestamps(const struct tcp_sock *tp)
{
	if (!bpf_core_field_exists(tp->tcp_usec_ts))
		return false;
	return BPF_CORE_READ_BITFIELD(tp, tcp_usec_ts);
}

/*
 * fd264ca02094 ("bpf: Add a kfunc to type cast from bpf uapi ctx to kernel ctx") and a35b9af4ec2c,
 * v6.2: a socket of which TCP is known, without a call.
 */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

static __always_inline const struct tcp_sock *get_tcp_sock(struct sock *sk)
{
	if (bpf_rdonly_cast)
		return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	return bpf_skc_to_tcp_sock(sk);
}

/*
 * Since 6.4 bpf_dynptr_from_skb() is a kfunc, since 6.12 tracing programs may call it. Before,
 * nothing reads the paged part of a buffer here, and the program does not load.
 */
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags,
			       struct bpf_dynptr *ptr__uninit) __ksym __weak;

#endif
