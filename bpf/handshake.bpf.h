/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handshakes of an edge, at the client's end. Where each request has a connection of its own, none
 * lasts for long enough to be compared with itself; but both halves of a SYN's round trip are the
 * kernels', without a process, a delayed ACK or a clock of the peer in it.
 *
 *     delay        all round trips of SYNs were late, as lateness.bpf.h has it
 *     unanswered   a SYN has no answer, and one that was sent well after it has: known 50 to 80 ms
 *                  later, where TCP itself waits for a second
 *
 *     slots of 16 ms        │ sent 9, answered 8 │ sent 7, answered 7 │ … │ sent 8, answered 3 │
 *                             one is not ◀────────────── REORDER_SLOTS ──────────── a SYN-ACK came
 */
#ifndef FLOWSPAN_HANDSHAKE_BPF_H
#define FLOWSPAN_HANDSHAKE_BPF_H

#include "lateness.bpf.h"
#include "loss.bpf.h"

/* What a host that is short of CPU, or one of several paths, may turn round. */
#define REORDER_SLOTS 3

/* Which moment it is. */
static __always_inline __u64 number_of(__u64 ns)
{
	return ns / HANDSHAKE_SLOT_NS;
}

static __always_inline struct handshake_slot *slot_at(struct edge *edge, __u64 number)
{
	return &edge->handshakes.slots[number & (HANDSHAKE_SLOTS - 1)];
}

/* A SYN is about to be sent: the kernel has chosen the addresses, and not yet the client's port. */
static __always_inline void handshake_begins(struct conn *conn, const struct tcp_sock *tp)
{
	__u64 number = number_of(conn->start_ns);
	struct handshake_slot *slot;
	struct edge *edge;

	if (!eyes_are_open() || conn->own)
		return;
	take_addresses(conn, tp);
	edge = edge_of(conn, conn->start_ns);
	if (!edge)
		return;
	slot = slot_at(edge, number);
	/* nothing was answered since: whether the host or all of the path was away, nobody knows */
	if (slot->number != (__u32)number) {
		slot->number = (__u32)number;
		slot->sent = 0;
		slot->answered = 0;
	}
	__sync_fetch_and_add(&slot->sent, 1);
	__sync_fetch_and_add(&edge->handshakes.sent, 1);
}

/* What slots before `end` have not had answered; each is judged once. */
static __always_inline __u32 overtaken(struct edge *edge, __u64 end)
{
	struct handshake_slot *slot;
	__u32 unanswered = 0;
	__u32 sent;

	if (end <= edge->handshakes.judged)
		return 0;
	edge->handshakes.judged = end;
	for (int i = 1; i <= HANDSHAKE_SLOTS - REORDER_SLOTS; i++) {
		slot = slot_at(edge, end - i);
		sent = slot->sent;
		if (slot->number != (__u32)(end - i) || !sent)
			continue;
		if (sent > slot->answered)
			unanswered += sent - slot->answered;
		slot->sent = sent > slot->answered ? sent - slot->answered : 0;
	}
	return unanswered;
}

/*
 * It has an answer after all, and was not sent again: its process lost the CPU within connect() for
 * longer than REORDER_SLOTS, before the SYN was sent or with the SYN-ACK in the socket's backlog.
 */
static __always_inline void answered_late(struct handshakes *handshakes,
					  struct handshake_slot *slot)
{
	if (!slot->sent)
		return;
	__sync_fetch_and_add(&slot->sent, -1);
	__sync_fetch_and_add(&handshakes->unanswered, -1);
}

static __always_inline void watch_handshake(struct conn *conn, const struct tcp_sock *tp,
					    struct edge *edge, __u64 now)
{
	struct handshakes *handshakes = &edge->handshakes;
	struct late *late = &handshakes->late;
	__u32 round_trip = min_rtt_us(tp);
	__u32 added;

	if (!round_trip)
		return;
	if (now - handshakes->base.since_ns >= 2 * BASE_NS && !is_told(late)) {
		begin_base(&handshakes->base, round_trip, now);
		late->since_ns = 0;
	}
	added = added_to(&handshakes->base, late, round_trip, now);
	if (!is_late(late, added)) {
		late->since_ns = 0;
		return;
	}
	add_late(late, added, now);
	if (has_lasted(late->count, late->since_ns, now))
		tell_delay(conn, tp, edge, late, now);
}

/*
 * The client's connection is established, or its connect has failed; `is_answered`: by the peer.
 * What was given up counts as answered, what was sent again does not.
 */
static __always_inline void handshake_ends(struct conn *conn, const struct tcp_sock *tp,
					   bool is_answered)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 number = number_of(conn->start_ns);
	struct handshake_slot *slot;
	struct edge *edge;
	__u32 unanswered;

	if (!eyes_are_open() || conn->own || !conn->eye.edge_id || tp->total_retrans)
		return;
	edge = edge_of(conn, now);
	if (!edge)
		return;
	slot = slot_at(edge, number);
	if (slot->number == (__u32)number && number < edge->handshakes.judged)
		answered_late(&edge->handshakes, slot);
	else if (slot->number == (__u32)number)
		__sync_fetch_and_add(&slot->answered, 1);
	if (!is_answered)
		return;
	unanswered = overtaken(edge, number - REORDER_SLOTS);
	if (unanswered)
		miss_answers(conn, tp, edge, unanswered, now);
	watch_handshake(conn, tp, edge, now);
}

#endif
