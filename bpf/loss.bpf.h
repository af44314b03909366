/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of loss are added up for the edge, and told of. What a server has never answered may have
 * reached it: a full accept queue drops SYNs and the last ACKs of handshakes, and with these what
 * the client says first. That is told apart.
 */
#ifndef FLOWSPAN_LOSS_BPF_H
#define FLOWSPAN_LOSS_BPF_H

#include "edge.bpf.h"

#define TIMER_NS 20000000ULL

static __always_inline void tell_loss(struct conn *conn, const struct tcp_sock *tp,
				      struct edge *edge, enum eye_sign sign, __u64 now)
{
	struct eye_record *record;

	if (!may_tell(edge, sign, now))
		return;
	record = eye_record(conn, tp, edge, sign);
	if (!record)
		return;
	record->time_ns = now;
	record->since_ns = now;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void lose(struct conn *conn, const struct tcp_sock *tp, struct edge *edge,
				 __u64 now)
{
	__sync_fetch_and_add(&edge->losses, 1);
	tell_loss(conn, tp, edge, EYE_LOSS, now);
}

static __always_inline void miss_answers(struct conn *conn, const struct tcp_sock *tp,
					 struct edge *edge, __u32 answers, __u64 now)
{
	__sync_fetch_and_add(&edge->handshakes.unanswered, answers);
	tell_loss(conn, tp, edge, EYE_UNANSWERED, now);
}

static __always_inline void lost_by_timer(struct conn *conn, const struct tcp_sock *tp,
					  struct edge *edge, bool is_heard, __u64 now)
{
	if (now - edge->timer_ns < TIMER_NS)
		return;
	edge->timer_ns = now;
	if (is_heard)
		lose(conn, tp, edge, now);
	else
		miss_answers(conn, tp, edge, 1, now);
}

#endif
