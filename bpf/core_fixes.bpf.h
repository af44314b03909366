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
static __always_inline __u64 get_cgroup_id(const struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return 0;
	return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
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
 * The buffer's address, as a number: it shares its place with pointers to kernel memory, for one of
 * which the verifier takes it (Linux 6.1: "math between ptr_ pointer and register").
 */
static __always_inline __u64 get_ubuf(const struct iov_iter *iter)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &iter->ubuf);
	return address;
}

/*
 * de4f5fed3f23 ("iov_iter: add iter_iovec() helper") and 747b1f65d39a, v6.4: `iov` became `__iov`.
 */
static __always_inline const struct iovec *get_iovecs(const struct iov_iter *iter)
{
	const struct iov_iter___old *old = (const void *)iter;
	const struct iovec *iovecs = NULL;

	if (bpf_core_field_exists(iter->__iov))
		bpf_probe_read_kernel(&iovecs, sizeof(iovecs), &iter->__iov);
	else
		bpf_probe_read_kernel(&iovecs, sizeof(iovecs), &old->iov);
	return iovecs;
}

/*
 * c53795d48ee8 ("net: add rx_sk to trace_kfree_skb"), v6.11: the socket that a received packet was
 * for. c504e5c2f964 ("net: skb: introduce kfree_skb_reason()"), v5.17: the reason. Where they are
 * not, the verifier does not look at what reads them.
 */
#define HAS_DROP_REASON bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason)
#define HAS_DROP_SOCKET bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)

/*
 * Since 6.4 bpf_dynptr_from_skb() is a kfunc, since 6.12 tracing programs may call it. Before,
 * nothing reads the paged part of a buffer here, and the program does not load.
 */
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags,
			       struct bpf_dynptr *ptr__uninit) __ksym __weak;

/* Since 6.2: a socket as the kernel has it, from one whose fields are those of struct bpf_sock. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#endif
