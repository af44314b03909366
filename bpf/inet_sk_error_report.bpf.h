/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notes ICMP errors that a connect meets while its socket is locked.
 *
 * An error that comes in the very system call that sends the SYN (a router on the same host answers
 * so) does not end the attempt: the kernel wakes the application, which reads the error with
 * SO_ERROR and closes. By then the socket does not remember it (seen on Linux 6.18).
 */
#ifndef FLOWSPAN_INET_SK_ERROR_REPORT_BPF_H
#define FLOWSPAN_INET_SK_ERROR_REPORT_BPF_H

#include "kernel_types.h"
#include "maps.bpf.h"

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(error_report, struct sock *sk)
{
	struct conn *conn;

	/* an error that ends the attempt is reported when the state is CLOSE already */
	if (sk->__sk_common.skc_state != BPF_TCP_SYN_SENT)
		return 0;
	conn = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (conn)
		conn->unreachable = 1;
	return 0;
}

#endif
