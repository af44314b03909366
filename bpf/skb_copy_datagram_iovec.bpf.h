/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process reads from a TCP socket: fires for each buffer that a read copies from, in stream
 * order, after TCP has put the segments in order, in the thread that reads.
 *
 *     skb     seq ──────── copied_seq ──────────── end_seq     (sequence numbers)
 *                          │◀── len ──▶│
 *     stream  bytes_received − (rcv_nxt − copied_seq) = the piece's offset, 64 bits
 *
 * MSG_PEEK fires too. In the first buffer it looks like a read: its bytes are reported then, and
 * the read that takes them is reported without bytes. Beyond that buffer copied_seq tells.
 * splice(), TCP_ZEROCOPY_RECEIVE and MSG_TRUNC pass by: user space sees a gap in the offsets.
 */
#ifndef FLOWSPAN_SKB_COPY_DATAGRAM_IOVEC_BPF_H
#define FLOWSPAN_SKB_COPY_DATAGRAM_IOVEC_BPF_H

#include "http2_frames.bpf.h"
#include "socket_of.bpf.h"

/* Reads the piece's last 8 bytes to the record. */
static __always_inline void read_tail(struct scratch *scratch, const struct bpf_dynptr *buffer,
				      __u32 at, const struct piece *piece)
{
	bpf_dynptr_read(scratch->record.tail, EDGE_BYTES, buffer, at + piece->len - EDGE_BYTES, 0);
}

/* Finds out what is wanted and copies it. false: nothing is to be reported. */
static __always_inline bool copy_received(struct conn *conn, const struct tcp_sock *tp,
					  struct scratch *scratch,
					  const struct bpf_dynptr *buffer, struct piece *piece,
					  __u32 at)
{
	__u64 head;
	int want;

	if (!look(conn, piece))
		return false;
	if (piece->captured && !read_buffer(scratch, buffer, at + piece->skipped, piece->captured)) {
		piece->captured = 0;
		piece->flags |= PAYLOAD_FAULT;
	}
	head = head_of(scratch, piece->captured);
	want = wanted_now(conn, piece, head);
	if (want < 0)
		return false;
	if (unlikely((__u32)want > piece->captured) && !read_buffer(scratch, buffer, at, want))
		want = 0;
	piece->captured = want;
	if (!has_tail(scratch, piece, head))
		read_tail(scratch, buffer, at, piece);
	return needs_telling(conn, tp, scratch, piece);
}

/* Of a piece of which not all is wanted, its last bytes. */
static __always_inline void report_received_end(struct conn *conn, struct scratch *scratch,
						const struct bpf_dynptr *buffer,
						struct piece *piece, __u32 at)
{
	if (!read_buffer(scratch, buffer, at, piece->captured)) {
		piece->captured = 0;
		piece->flags = PAYLOAD_FAULT;
	}
	read_tail(scratch, buffer, at, piece);
	report_rarely(conn, scratch, piece);
}

/* `at`: where the piece begins in the buffer. */
static __always_inline void take_received(struct conn *conn, const struct tcp_sock *tp,
					  const struct sk_buff *skb, struct piece *piece, __u32 at)
{
	__u32 key = DIRECTION_RECEIVED;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
	struct bpf_dynptr buffer;
	struct source source = { .buffer = &buffer, .at = at };

	if (!scratch || unlikely(bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &buffer)))
		return;
	begin_records(scratch, conn, tp, DIRECTION_RECEIVED);
	if (unlikely(piece->flags & PAYLOAD_AGAIN)) {
		report_rarely(conn, scratch, piece);
		return;
	}
	if (likely(!is_interleaved(conn))) {
		if (!copy_received(conn, tp, scratch, &buffer, piece, at))
			return;
		report_payload(conn, scratch, piece);
		if (likely(!piece->end))
			return;
		at += piece->len;
		to_end(piece);
		if (!is_interleaved(conn)) {
			report_received_end(conn, scratch, &buffer, piece, at);
			return;
		}
		source.at = at;
	}
	report_frames(conn, scratch, &source, piece);
}

/* What is read from which connection. */
struct reading {
	struct conn *conn;
	const struct tcp_sock *tp;
	/* where the piece begins in the buffer, and how many bytes of the read stand before it */
	__u32 at;
	__u32 known;
};

/* Finds the connection, and the read's place in its stream. false: nothing is to be reported. */
static __always_inline bool find_reading(const struct sk_buff *skb, int len,
					 struct reading *reading, struct piece *piece)
{
	struct sock *sk = socket_of(skb);
	const struct tcp_sock *tp;
	const struct tcp_skb_cb *cb;
	struct conn *conn;
	__u32 copied;

	if (!sk || len <= 0)
		return false;
	conn = followed(sk, &tp);
	if (!conn)
		return false;
	cb = (const struct tcp_skb_cb *)skb->cb;
	copied = tp->copied_seq;
	if ((__s32)(copied - cb->seq) < 0 || (__s32)(cb->end_seq - copied) <= 0)
		return false;
	piece->offset = read_position(tp);
	piece->len = len;
	reading->conn = conn;
	reading->tp = tp;
	reading->known = trim(&conn->streams[DIRECTION_RECEIVED], piece);
	reading->at = copied - cb->seq + reading->known;
	return piece->flags & PAYLOAD_AGAIN || !is_passed_by(conn, piece);
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(received, const struct sk_buff *skb, int len)
{
	struct piece piece = { .direction = DIRECTION_RECEIVED };
	struct reading reading;

	if (find_reading(skb, len, &reading, &piece))
		take_received(reading.conn, reading.tp, skb, &piece, reading.at);
	return 0;
}

#endif
