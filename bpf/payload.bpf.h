/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The record of a piece of payload: what one read took out of one buffer, or one write announced.
 */
#ifndef FLOWSPAN_PAYLOAD_BPF_H
#define FLOWSPAN_PAYLOAD_BPF_H

#include "older.bpf.h"
#include "verdict.bpf.h"
#include "wake.bpf.h"

/*
 * A record under way. Twice the most that is captured: the verifier knows of `at + length` only
 * that each is below CAPTURE_MAX. (A per-CPU value has at most 32 KiB.)
 */
struct scratch {
	/* as_number() */
	const void *pointer;
	/* wake_flags_ahead() */
	__u32 unasked;
	__u32 pad;
	struct payload_record record;
	__u8 bytes[2 * CAPTURE_MAX];
};

/* By enum direction: both hooks run in process context, and neither within the other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/*
 * A pointer that the kernel keeps to user memory, or to either, is a number to who reads it. The
 * verifier takes it for one to a kernel's struct ("math between ptr_ pointer and register", Linux
 * 6.1), or to memory without a length ("R2 is not a scalar", 6.18), until it has been in a map.
 */
static __always_inline __u64 as_number(struct scratch *scratch, const void *pointer)
{
	*(const void *volatile *)&scratch->pointer = pointer;
	return *(volatile __u64 *)&scratch->pointer;
}

static __always_inline __u64 word_at(const struct scratch *scratch, __u32 at)
{
	return *(const __u64 *)(scratch->bytes + (at & (CAPTURE_MAX - 1)));
}

/* The first 8 bytes of the scratch; bytes that the piece does not have are 0. */
static __always_inline __u64 head_of(const struct scratch *scratch, __u32 captured)
{
	__u64 head = *(const __u64 *)scratch->bytes;

	return captured >= EDGE_BYTES ? head : head & ~(~0ULL << captured * 8);
}

/* Is the piece's tail known without another look at its memory? Then it is in the record. */
static __always_inline bool has_tail(struct scratch *scratch, const struct piece *piece,
				     __u64 head)
{
	__u64 *tail = (__u64 *)scratch->record.tail;

	/* right-aligned, that is, in the high bytes */
	if (piece->len < EDGE_BYTES)
		*tail = head << (EDGE_BYTES - piece->len) * 8;
	else if (piece->captured == piece->len)
		*tail = word_at(scratch, piece->len - EDGE_BYTES);
	else
		return false;
	return true;
}

/*
 * Cuts from the piece's begin what has been reported; returns how many bytes that is. A piece that
 * has been reported whole stays as it is, marked.
 */
static __always_inline __u32 trim(struct stream *stream, struct piece *piece)
{
	__u64 end = piece->offset + piece->len;
	__u32 known = 0;

	if (unlikely(end <= stream->reported)) {
		piece->flags |= PAYLOAD_AGAIN;
		return 0;
	}
	if (unlikely(piece->offset < stream->reported))
		known = stream->reported - piece->offset;
	piece->offset += known;
	piece->len -= known;
	stream->reported = end;
	return known;
}

/* The connection comes before its pieces. */
static __noinline void tell_first(struct conn *conn, const struct tcp_sock *tp)
{
	report_connection(conn, tp, CONN_INTERIM, CLOSE_NONE);
}

/* Asked first, so that a stream of which nothing is wanted costs one look-up and little else. */
static __always_inline bool is_given_up(const struct conn *conn)
{
	return conn && (conn->verdict == VERDICT_NEVER || conn->own);
}

/* Takes the current process as the owner. Not inlined, as it is rare. */
static __noinline void take_owner_of(struct conn *conn)
{
	take_process(conn, bpf_get_current_pid_tgid());
	/* it was reported as open, so its end will be: only the payload is left out */
	if (is_own(conn->pid))
		conn->verdict = VERDICT_NEVER;
}

/* May its bytes be of interest? Takes the first process that reads or writes as the owner. */
static __always_inline bool follows(struct conn *conn, const struct tcp_sock *tp)
{
	if (unlikely(!conn->established_ns))
		return false;
	if (unlikely(!conn->pid)) {
		take_owner_of(conn);
		if (is_given_up(conn))
			return false;
	}
	if (unlikely(conn->flags & CONN_OLDER && !conn->told.time_ns))
		tell_first(conn, tp);
	return true;
}

/* The connection whose bytes pass at a socket, if they may be of interest; else NULL. */
static __always_inline struct conn *followed(struct sock *sk, const struct tcp_sock **tp)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, 0, 0);

	if (is_given_up(conn))
		return NULL;
	if (unlikely(!conn))
		conn = meet(sk);
	if (!conn)
		return NULL;
	*tp = get_tcp_sock(sk);
	return *tp && follows(conn, *tp) ? conn : NULL;
}

/* What any record of a piece has of its connection. */
static __always_inline void begin_record(struct payload_record *record, const struct conn *conn,
					 const struct tcp_sock *tp, enum direction direction)
{
	record->type = RECORD_PAYLOAD;
	record->direction = direction;
	record->role = conn->role;
	record->srtt_us = tp->srtt_us >> 3;
	record->min_rtt_us = min_rtt_us(tp);
	record->retrans = tp->total_retrans - conn->syn_retries;
	record->conn_id = conn->conn_id;
	__builtin_memcpy(record->comm, conn->comm, COMM_LEN);
}

/*
 * What is the same in all records of a run. First of all: what of it has gone cold comes while the
 * bytes are copied.
 */
static __always_inline void begin_records(struct scratch *scratch, const struct conn *conn,
					  const struct tcp_sock *tp, enum direction direction)
{
	const struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct payload_record *record = &scratch->record;

	begin_record(record, conn, tp, direction);
	record->pid = task->tgid;
	record->tid = task->pid;
	record->sleeps = task->nvcsw;
}

static __always_inline void report_payload(struct conn *conn, struct scratch *scratch,
					   const struct piece *piece)
{
	struct payload_record *record = &scratch->record;
	struct stream *stream = &conn->streams[piece->direction & 1];
	__u32 withheld = piece->flags & PAYLOAD_AGAIN ? 0 : stream->withheld;
	__u32 captured = piece->captured;
	__u64 flags;

	record->flags = piece->flags;
	record->len = withheld + piece->len;
	record->captured = captured;
	record->skipped = withheld + piece->skipped;
	record->offset = piece->offset - withheld;
	record->time_ns = bpf_ktime_get_ns();
	stream->withheld -= withheld;
	stream->told_jiffies = bpf_jiffies64();
	if (unlikely(piece->flags & PAYLOAD_AGAIN))
		__builtin_memset(record->tail, 0, EDGE_BYTES);
	count(COUNTER_PAYLOAD_EVENTS);
	if (unlikely(piece->flags & PAYLOAD_FAULT))
		count(COUNTER_PAYLOAD_FAULT);
	flags = wake_flags_ahead(&scratch->unasked, sizeof(*record) + captured);
	/* lest the verifier bounds a copy of it, or one that is on the stack meanwhile (Linux 6.1) */
	barrier_var(captured);
	if (captured > CAPTURE_MAX)
		captured = CAPTURE_MAX;
	if (unlikely(bpf_ringbuf_output(&payload, record, sizeof(*record) + captured, flags)))
		count(COUNTER_PAYLOAD_LOST_RING);
}

/* The same, where it is rare: not inlined. */
static __noinline void report_rarely(struct conn *conn, struct scratch *scratch,
				     const struct piece *piece)
{
	report_payload(conn, scratch, piece);
}

#endif
