/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process writes before Linux 6.16, which has the tracepoint: once a message, at its
 * beginning.
 */
#ifndef FLOWSPAN_TCP_SENDMSG_FENTRY_BPF_H
#define FLOWSPAN_TCP_SENDMSG_FENTRY_BPF_H

#include "tcp_sendmsg_locked.bpf.h"

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(sent_fentry, struct sock *sk, const struct msghdr *msg)
{
	return take_write(sk, msg);
}

#endif
