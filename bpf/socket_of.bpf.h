/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FLOWSPAN_SOCKET_OF_BPF_H
#define FLOWSPAN_SOCKET_OF_BPF_H

#include "kernel_types.h"

/*
 * Linux 6.18 takes skb->sk for an RCU-protected pointer, which bpf_sk_storage_get() and
 * bpf_skc_to_tcp_sock() refuse ("R1 type=rcu_ptr_ expected=…, ptr_, trusted_ptr_"). By way of its
 * struct socket it is an ordinary one. It is the same socket, and alive: its reader holds its lock,
 * or the buffer its memory.
 *
 * A packet may have met a socket that is none yet or no more: of a handshake, or in time-wait.
 * Those are shorter, and their sk_socket would be whatever comes behind them.
 */
static __always_inline struct sock *socket_of(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (!sk || sk->__sk_common.skc_state == BPF_TCP_TIME_WAIT ||
	    sk->__sk_common.skc_state == BPF_TCP_NEW_SYN_RECV)
		return NULL;
	return sk->sk_socket ? sk->sk_socket->sk : NULL;
}

/*
 * A socket as the kernel has it, for bpf_probe_read_kernel alone. struct bpf_sock names a few
 * fields of the same object, and no place beside them can be read: the verifier refuses to add to
 * that pointer, and bpf_rdonly_cast() came with 6.2. Read back from the stack, it is a number.
 */
static __always_inline const struct sock *whole_socket(const struct bpf_sock *sk)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &sk);
	return (const struct sock *)address;
}

#endif
