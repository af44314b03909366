/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process reads, before Linux 6.12: there a tracing program cannot read a buffer's pages.
 * The tracepoint's own function has returned here, so the bytes are in the process's memory, just
 * written, and the iterator stands behind them:
 *
 *     iovecs   [────────────][──────][───────────]
 *                      │◀── just copied ──▶│ iov_offset
 *
 * Before TCP has moved copied_seq: all else is as in skb_copy_datagram_iovec.bpf.h.
 */
#ifndef FLOWSPAN_SKB_COPY_DATAGRAM_ITER_BPF_H
#define FLOWSPAN_SKB_COPY_DATAGRAM_ITER_BPF_H

#include "skb_copy_datagram_iovec.bpf.h"

/* Where going back through iovecs is. */
struct rewinding {
	const struct iovec *iovec;
	/* bytes of this one that were filled, and of all that are looked for */
	__u64 filled;
	__u64 left;
	__u32 segments;
	__u32 found;
};

/* One iovec back; 1: no more. */
static long rewind_one(__u32 turn, struct rewinding *back)
{
	struct iovec iovec;

	if (back->left <= back->filled) {
		back->found = 1;
		return 1;
	}
	back->left -= back->filled;
	back->iovec--;
	back->segments++;
	if (bpf_probe_read_kernel(&iovec, sizeof(iovec), back->iovec))
		return 1;
	back->filled = iovec.iov_len;
	return 0;
}

/* Where the last `len` bytes stand that went to the process; in no user memory: memory is 0. */
static __always_inline void find_copied(struct scratch *scratch, const struct iov_iter *to,
					__u32 len, struct source *source)
{
	struct rewinding back = { .left = len, .segments = 1 };

	if (is_ubuf(to)) {
		source->memory = user_memory(scratch, to, &source->segments);
		source->at = to->iov_offset - len;
		return;
	}
	if (!is_iovec(to))
		return;
	back.iovec = (const struct iovec *)as_number(scratch, get_buffers(to));
	back.filled = to->iov_offset;
	bpf_loop(IOVECS_MAX, rewind_one, &back, 0);
	if (!back.found)
		return;
	source->memory = (__u64)back.iovec;
	source->segments = back.segments;
	source->at = back.filled - back.left;
}

/* Finds out what is wanted and copies it. false: nothing is to be reported. */
static __always_inline bool copy_memory(struct conn *conn, const struct tcp_sock *tp,
					struct scratch *scratch, const struct source *source,
					struct piece *piece)
{
	__u64 tail = 0;
	__u64 head;
	int want;

	if (!look(conn, piece))
		return false;
	if (piece->len >= EDGE_BYTES && !piece->end &&
	    read_source(scratch, source, piece->len - EDGE_BYTES, EDGE_BYTES))
		tail = *(__u64 *)scratch->bytes;
	if (piece->captured && !read_source(scratch, source, piece->skipped, piece->captured)) {
		piece->captured = 0;
		if (source->memory)
			piece->flags |= PAYLOAD_FAULT;
	}
	head = head_of(scratch, piece->captured);
	want = wanted(conn, piece, head);
	if (want < 0)
		return false;
	if ((__u32)want > piece->captured && !read_source(scratch, source, 0, want))
		want = 0;
	piece->captured = want;
	if (!has_tail(scratch, piece, head))
		*(__u64 *)scratch->record.tail = tail;
	return needs_telling(conn, tp, scratch, piece);
}

/* Of a piece of which not all is wanted, its last bytes. */
static __always_inline void report_copied_end(struct conn *conn, struct scratch *scratch,
					      const struct source *source, struct piece *piece)
{
	*(__u64 *)scratch->record.tail = 0;
	if (read_source(scratch, source, piece->len - EDGE_BYTES, EDGE_BYTES))
		*(__u64 *)scratch->record.tail = *(__u64 *)scratch->bytes;
	if (!read_source(scratch, source, 0, piece->captured)) {
		piece->captured = 0;
		piece->flags = source->memory ? PAYLOAD_FAULT : 0;
	}
	report_payload(conn, scratch, piece);
}

static __always_inline void take_copied(const struct reading *reading, struct scratch *scratch,
					struct source *source, struct piece *piece)
{
	struct conn *conn = reading->conn;

	begin_records(scratch, conn, reading->tp, DIRECTION_RECEIVED);
	if (piece->flags & PAYLOAD_AGAIN) {
		report_payload(conn, scratch, piece);
		return;
	}
	if (!is_interleaved(conn)) {
		if (!copy_memory(conn, reading->tp, scratch, source, piece))
			return;
		report_payload(conn, scratch, piece);
		if (!piece->end)
			return;
		source->at += piece->len;
		to_end(piece);
		if (!is_interleaved(conn)) {
			report_copied_end(conn, scratch, source, piece);
			return;
		}
	}
	report_frames(conn, scratch, source, piece);
}

SEC("fexit/skb_copy_datagram_iter")
int BPF_PROG(received_fexit, const struct sk_buff *skb, int offset, struct iov_iter *to, int len,
	     int failed)
{
	struct piece piece = { .direction = DIRECTION_RECEIVED };
	__u32 key = DIRECTION_RECEIVED;
	struct source source = {};
	struct scratch *scratch;
	struct reading reading;

	if (failed || !find_reading(skb, len, &reading, &piece))
		return 0;
	scratch = bpf_map_lookup_elem(&scratches, &key);
	if (!scratch)
		return 0;
	find_copied(scratch, to, len, &source);
	source.at += reading.known;
	take_copied(&reading, scratch, &source, &piece);
	return 0;
}

#endif
