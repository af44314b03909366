/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Edges: what all connections between two addresses and a server's port have in common, at one
 * end. A connection gives its edge what is new every few milliseconds, so that connections on many
 * CPUs seldom meet there.
 */
#ifndef FLOWSPAN_EDGE_BPF_H
#define FLOWSPAN_EDGE_BPF_H

#include "connection.bpf.h"

#define EDGES_MAX 8192
#define EDGE_TRIES 4
/* One that was quiet for so long gives way. */
#define EDGE_QUIET_NS (60 * NS_PER_SEC)
#define FOLD_NS 5000000ULL

#define HANDSHAKE_SLOTS 32
#define HANDSHAKE_SLOT_NS 16000000ULL

/* Handshakes that began in the same moment. */
struct handshake_slot {
	/* which moment */
	__u32 number;
	/* once it is judged: those without an answer */
	__u32 sent;
	__u32 answered;
};

struct handshakes {
	/* of round trips */
	struct base base;
	struct late late;
	struct handshake_slot slots[HANDSHAKE_SLOTS];
	/* all before this moment are judged */
	__u64 judged;
	__u64 sent;
	__u64 unanswered;
};

struct edge {
	/* 0: nobody's */
	__u64 id;
	__u64 seen_ns;
	/* when a segment came last that was not late; how many were since, about */
	__u64 calm_ns;
	__u64 late;
	__u64 segs_out;
	__u64 losses;
	__u64 retrans;
	/* when a sign was told last, by enum eye_sign */
	__u64 told_ns[EYE_SIGNS];
	/* the last loss that a timer found */
	__u64 timer_ns;
	struct handshakes handshakes;
};

/* An array, whose look-up is inlined: that of a hash costs as much as all else. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EDGES_MAX);
	__type(key, __u32);
	__type(value, struct edge);
} edges SEC(".maps");

static __always_inline bool eyes_are_open(void)
{
	return knobs.eye.delay_us;
}

static __always_inline __u64 edge_id(const struct conn *conn)
{
	__u16 port = conn->role == ROLE_CLIENT ? conn->remote_port : conn->local_port;
	__u64 id = flow_id_of_addresses(conn->local_addr, conn->remote_addr,
					(__u32)conn->role << 16 | port, conn->netns);

	return id ? id : 1;
}

/*
 * The edge of a connection; NULL: there is no room. Two CPUs may take one slot for two edges at the
 * same moment: one of them finds itself displaced the next time, and takes another.
 */
static __always_inline struct edge *edge_of(struct conn *conn, __u64 now)
{
	struct edge *edge;
	__u32 slot;

	if (!conn->eye.edge_id)
		conn->eye.edge_id = edge_id(conn);
#pragma unroll
	for (int i = 0; i < EDGE_TRIES; i++) {
		slot = ((__u32)conn->eye.edge_id + i) & (EDGES_MAX - 1);
		edge = bpf_map_lookup_elem(&edges, &slot);
		if (!edge)
			return NULL;
		if (edge->id == conn->eye.edge_id) {
			edge->seen_ns = now;
			return edge;
		}
		if (edge->id && now - edge->seen_ns < EDGE_QUIET_NS)
			continue;
		__builtin_memset(edge, 0, sizeof(*edge));
		edge->id = conn->eye.edge_id;
		edge->seen_ns = now;
		edge->calm_ns = now;
		return edge;
	}
	count(COUNTER_EDGES_FULL);
	return NULL;
}

/* Tells the edge of segments sent since the last time. */
static __always_inline void fold(struct conn *conn, const struct tcp_sock *tp, struct edge *edge,
				 __u64 now)
{
	struct eye *eye = &conn->eye;
	__u32 segs_out = tp->data_segs_out;

	__sync_fetch_and_add(&edge->segs_out, (__u32)(segs_out - eye->segs_out));
	eye->segs_out = segs_out;
	eye->folded_ns = now;
}

/* What of a connection that ends is not told yet: a short one has no segment after 5 ms. */
static __always_inline void fold_rest(struct conn *conn, const struct tcp_sock *tp)
{
	__u64 now = bpf_ktime_get_ns();
	struct edge *edge;

	if (!eyes_are_open() || conn->own || tp->data_segs_out == conn->eye.segs_out)
		return;
	edge = edge_of(conn, now);
	if (edge)
		fold(conn, tp, edge, now);
}

/* Of one edge the same sign comes once in FOLD_NS: what it says is of all of the edge. */
static __always_inline bool may_tell(struct edge *edge, enum eye_sign sign, __u64 now)
{
	if (now - edge->told_ns[sign] < FOLD_NS)
		return false;
	edge->told_ns[sign] = now;
	return true;
}

/* A record with all but the sign's own figures; NULL: there was no room. */
static __always_inline struct eye_record *eye_record(const struct conn *conn,
						     const struct tcp_sock *tp,
						     const struct edge *edge, enum eye_sign sign)
{
	struct eye_record *record;

	count(COUNTER_EYE_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_EYE_LOST_RING);
		return NULL;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->type = RECORD_EYE;
	record->sign = sign;
	record->role = conn->role;
	record->flags = conn->flags;
	record->netns = conn->netns;
	record->edge_id = edge->id;
	record->flow_id = conn->flow_id;
	record->cgroup_id = conn->cgroup_id;
	if (sign == EYE_UNANSWERED) {
		record->segs_out = edge->handshakes.sent;
		record->losses = edge->handshakes.unanswered;
	} else {
		record->segs_out = edge->segs_out;
		record->losses = edge->losses;
	}
	record->retrans = edge->retrans;
	record->srtt_us = tp->srtt_us >> 3;
	record->min_rtt_us = min_rtt_us(tp);
	record->pid = conn->pid;
	record->local_port = conn->local_port;
	record->remote_port = conn->remote_port;
	__builtin_memcpy(record->local_addr, conn->local_addr, 16);
	__builtin_memcpy(record->remote_addr, conn->remote_addr, 16);
	__builtin_memcpy(record->comm, conn->comm, COMM_LEN);
	return record;
}

#endif
