/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process writes to a TCP socket: fires for each segment that a message is cut into, before
 * its bytes are copied, in the thread that writes.
 *
 *     message  │ sent by now │◀───── msg_iter.count ─────▶│
 *     stream                 │ write_seq: bytes_acked + (write_seq − snd_una), 64 bits
 *
 * The first firing announces the whole message; the others announce the same end and are passed by.
 * A message that ends early (EAGAIN, a signal) was announced too far: the stream goes on with the
 * same bytes in the next message, of which only what goes beyond is reported.
 */
#ifndef FLOWSPAN_TCP_SENDMSG_LOCKED_BPF_H
#define FLOWSPAN_TCP_SENDMSG_LOCKED_BPF_H

#include "http2_frames.bpf.h"

/* Finds out what is wanted and copies it. false: nothing is to be reported. */
static __always_inline bool copy_sent(struct conn *conn, const struct tcp_sock *tp,
				      struct scratch *scratch, const struct iov_iter *from,
				      struct piece *piece, __u64 at)
{
	struct span span = {};
	__u64 head;
	int want;

	if (!look(conn, piece))
		return false;
	span.from = at + piece->skipped;
	span.len = piece->captured;
	piece->captured = read_user(scratch, from, &span);
	if (piece->captured < span.len && is_user(from))
		piece->flags |= PAYLOAD_FAULT;
	head = head_of(scratch, piece->captured);
	want = wanted_now(conn, piece, head);
	if (want < 0)
		return false;
	if (unlikely((__u32)want > span.len)) {
		span.len = want;
		piece->captured = read_user(scratch, from, &span);
	} else {
		piece->captured = least(piece->captured, want);
	}
	/* with an end of its own it has none */
	if (!has_tail(scratch, piece, head))
		read_user_tail(scratch, piece->end ? NULL : from);
	return needs_telling(conn, tp, scratch, piece);
}

/* Of a piece of which not all is wanted, its last bytes. */
static __always_inline void report_sent_end(struct conn *conn, struct scratch *scratch,
					    const struct iov_iter *from, struct piece *piece,
					    __u64 at)
{
	struct span span = { .from = at, .len = piece->captured };

	piece->captured = read_user(scratch, from, &span);
	if (piece->captured < span.len && is_user(from))
		piece->flags = PAYLOAD_FAULT;
	read_user_tail(scratch, from);
	report_rarely(conn, scratch, piece);
}

/* `skip`: where the piece begins in what is left of the message. */
static __always_inline void take_sent(struct conn *conn, const struct tcp_sock *tp,
				      const struct iov_iter *from, struct piece *piece, __u64 skip)
{
	__u32 key = DIRECTION_SENT;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
	struct source source = { .at = from->iov_offset + skip };

	if (!scratch)
		return;
	begin_records(scratch, conn, tp, DIRECTION_SENT);
	if (likely(!is_interleaved(conn))) {
		if (!copy_sent(conn, tp, scratch, from, piece, source.at))
			return;
		report_payload(conn, scratch, piece);
		if (likely(!piece->end))
			return;
		source.at += piece->len;
		to_end(piece);
		if (!is_interleaved(conn)) {
			report_sent_end(conn, scratch, from, piece, source.at);
			return;
		}
	}
	source.memory = user_memory(scratch, from, &source.segments);
	report_frames(conn, scratch, &source, piece);
}

/* What is written to which connection. */
struct writing {
	struct conn *conn;
	const struct tcp_sock *tp;
	/* bytes of the write that stand before the piece */
	__u32 known;
	__u32 pad;
};

/* Finds the connection, and the write's place in its stream. false: nothing is to be reported. */
static __always_inline bool find_writing(struct sock *sk, __u32 len, struct writing *writing,
					 struct piece *piece)
{
	const struct tcp_sock *tp;
	struct conn *conn = followed(sk, &tp);

	if (!conn)
		return false;
	piece->offset = write_position(conn, tp);
	piece->len = len;
	writing->conn = conn;
	writing->tp = tp;
	writing->known = trim(&conn->streams[DIRECTION_SENT], piece);
	return !(piece->flags & PAYLOAD_AGAIN) && !is_passed_by(conn, piece);
}

static __always_inline int take_write(struct sock *sk, const struct msghdr *msg)
{
	struct piece piece = { .direction = DIRECTION_SENT };
	const struct iov_iter *from = &msg->msg_iter;
	struct writing writing;

	if (find_writing(sk, from->count, &writing, &piece))
		take_sent(writing.conn, writing.tp, from, &piece, writing.known);
	return 0;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(sent, struct sock *sk, const struct msghdr *msg)
{
	return take_write(sk, msg);
}

#endif
