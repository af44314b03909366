/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of a connection can be added up from record to record, and what held it up.
 *
 *     busy      data is sent, or waits to be:  TCP_CHRONO_BUSY
 *     limited   … for the peer's window:       TCP_CHRONO_RWND_LIMITED
 *     limited   … for the send buffer:         TCP_CHRONO_SNDBUF_LIMITED
 *
 * The kernel's stopwatch is in one of the three, or in none while there is nothing to send. As in
 * tcp_info `busy` is the sum of all three.
 */
#ifndef FLOWSPAN_FIGURES_BPF_H
#define FLOWSPAN_FIGURES_BPF_H

#include "kernel_types.h"
#include "maps.bpf.h"

/* A FIN takes a sequence number, and bytes_received counts it. */
static __always_inline __u64 bytes_received(const struct tcp_sock *tp)
{
	unsigned long flags = tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags;
	__u64 fin = flags >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;

	return tp->bytes_received - fin;
}

/* A bit field in older kernels: read either way. */
static __always_inline int get_chrono_type(const struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(tp, chrono_type);
}

/* Jiffies that one stopwatch has run; `chrono` as in the kernel's enum. */
static __always_inline __u32 chrono_jiffies(const struct tcp_sock *tp, int chrono, __u32 now)
{
	__u32 jiffies = tp->chrono_stat[chrono - 1];

	if (get_chrono_type(tp) == chrono)
		jiffies += now - tp->chrono_start;
	return jiffies;
}

static __always_inline __u64 delivery_rate(const struct tcp_sock *tp)
{
	__u64 bytes = (__u64)tp->rate_delivered * tp->mss_cache;

	return tp->rate_interval_us ? bytes * 1000000 / tp->rate_interval_us : 0;
}

static __always_inline __u64 jiffies_to_us(__u32 jiffies)
{
	return (__u64)jiffies * knobs.jiffy_us;
}

static __always_inline void read_told(struct told *told, const struct conn *conn,
				      const struct tcp_sock *tp)
{
	__u32 now = bpf_jiffies64();

	told->time_ns = bpf_ktime_get_ns();
	/* bytes_sent counts a byte as often as it was sent */
	told->sent = tp->bytes_sent - tp->bytes_retrans;
	told->received = bytes_received(tp);
	told->retrans = tp->total_retrans - conn->syn_retries;
	told->drops = conn->drops;
	told->segs = tp->segs_out + tp->segs_in;
	told->chrono[0] = chrono_jiffies(tp, TCP_CHRONO_BUSY, now);
	told->chrono[1] = chrono_jiffies(tp, TCP_CHRONO_RWND_LIMITED, now);
	told->chrono[2] = chrono_jiffies(tp, TCP_CHRONO_SNDBUF_LIMITED, now);
}

static __always_inline void fill_figures(struct conn_figures *figures, struct conn *conn,
					 const struct tcp_sock *tp)
{
	__u32 now = bpf_jiffies64();
	struct told told;
	__u32 busy;
	__u32 busy_told;

	read_told(&told, conn, tp);
	busy = told.chrono[0] + told.chrono[1] + told.chrono[2];
	busy_told = conn->told.chrono[0] + conn->told.chrono[1] + conn->told.chrono[2];
	figures->sent_since = told.sent - conn->told.sent;
	figures->received_since = told.received - conn->told.received;
	figures->busy_us = jiffies_to_us(busy);
	figures->rwnd_limited_us = jiffies_to_us(told.chrono[1]);
	figures->sndbuf_limited_us = jiffies_to_us(told.chrono[2]);
	figures->busy_since_us = jiffies_to_us(busy - busy_told);
	figures->rwnd_limited_since_us = jiffies_to_us(told.chrono[1] - conn->told.chrono[1]);
	figures->sndbuf_limited_since_us = jiffies_to_us(told.chrono[2] - conn->told.chrono[2]);
	figures->delivery_rate = delivery_rate(tp);
	figures->retrans_since = told.retrans - conn->told.retrans;
	figures->drops = told.drops;
	figures->drops_since = told.drops - conn->told.drops;
	figures->drop_reason = conn->drop_reason;
	figures->reord_seen = tp->reord_seen;
	figures->dsack_dups = tp->dsack_dups;
	figures->delivered_ce = tp->delivered_ce;
	figures->worst_rtt_us = conn->eye.worst_rtt_us;
	conn->told = told;
	/* 0 of a connect that failed: neither was ever set */
	if (!tp->lsndtime)
		return;
	figures->last_sent_ms = jiffies_to_us(now - tp->lsndtime) / 1000;
	figures->last_received_ms =
		jiffies_to_us(now - tp->inet_conn.icsk_ack.lrcvtime) / 1000;
}

#endif
