/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a connection ended, from the state it left and the error the kernel set on its socket.
 */
#ifndef FLOWSPAN_CLOSE_REASON_BPF_H
#define FLOWSPAN_CLOSE_REASON_BPF_H

#include <linux/errno.h>

#include "kernel_types.h"
#include "maps.bpf.h"

/* Data that TCP has and the application never read. */
static __always_inline bool has_unread(const struct tcp_sock *tp)
{
	unsigned long flags = tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags;
	bool fin = flags >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;

	return !fin && tp->rcv_nxt != tp->copied_seq;
}

static __always_inline enum close_reason reason_without_error(const struct conn *conn,
							      const struct tcp_sock *tp,
							      int oldstate)
{
	switch (oldstate) {
	case BPF_TCP_SYN_SENT:
		return conn->unreachable ? CLOSE_UNREACHABLE : CLOSE_ABORTED;
	/*
	 * close() with unread data or SO_LINGER 0, and data that comes after close(). A FIN_WAIT1
	 * whose FIN is acknowledged passes through FIN_WAIT2.
	 */
	case BPF_TCP_ESTABLISHED:
	case BPF_TCP_CLOSE_WAIT:
	case BPF_TCP_FIN_WAIT1:
		return CLOSE_RST_SENT;
	/* the rest of the way is a time-wait socket's, unless close() left data unread */
	case BPF_TCP_FIN_WAIT2:
		return has_unread(tp) ? CLOSE_RST_SENT : CLOSE_FIN;
	default:
		return CLOSE_FIN;
	}
}

static __always_inline enum close_reason close_reason(const struct conn *conn,
						      const struct tcp_sock *tp, int oldstate)
{
	switch (tp->inet_conn.icsk_inet.sk.sk_err) {
	case 0:
		return reason_without_error(conn, tp, oldstate);
	case ETIMEDOUT:
		return CLOSE_TIMEOUT;
	case ECONNREFUSED:
		return oldstate == BPF_TCP_SYN_SENT ? CLOSE_REFUSED : CLOSE_UNREACHABLE;
	/* EPIPE: the reset met a socket that had the peer's FIN already */
	case ECONNRESET:
	case EPIPE:
		return CLOSE_RST_RECEIVED;
	/* an administrator's SOCK_DESTROY */
	case ECONNABORTED:
		return oldstate == BPF_TCP_SYN_SENT ? CLOSE_ABORTED : CLOSE_RST_SENT;
	default:
		return CLOSE_UNREACHABLE;
	}
}

#endif
