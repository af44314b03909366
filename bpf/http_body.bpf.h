/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the body of an HTTP/1 message ends (RFC 9112 §6.3), by the fields of its head: so that the
 * programs know by themselves, as a reader knows it too late for most bodies.
 *
 * Read only of a head that is there whole, and that a body of some length may follow: in a piece
 * longer than capture_small, or alone in its piece, and not behind a body of a piece or two, as the
 * next will be such a one too. Of what remains unknown each piece is told of.
 */
#ifndef FLOWSPAN_HTTP_BODY_BPF_H
#define FLOWSPAN_HTTP_BODY_BPF_H

#include "payload.bpf.h"

/* A turn for so many words, and one for each line and digit. */
#define WORDS_A_TURN 4
#define HEAD_TURNS_MAX (CAPTURE_MAX / 8 / WORDS_A_TURN + 512)
#define LENGTH_DIGITS_MAX 15
/* Behind a head; of so few none is worth reading the next head for, which takes 0.5 us. */
#define SHORT_BODY_PIECES 2
#define EACH_BYTE(byte) (0x0101010101010101ULL * (byte))

/* What a head says of the body behind it. */
struct framing {
	__u64 length;
	/* of the head itself; 0: its end is not there */
	__u32 head;
	__u8 has_length;
	__u8 is_coded;
	/* two lengths, or none that is a number */
	__u8 is_bad;
	/* of an answer that agrees to leave HTTP/1: for HTTP/2 */
	__u8 is_http2;
};

/* Where reading a head is. */
struct heading {
	struct scratch *scratch;
	struct framing *framing;
	__u32 at;
	__u32 len;
	/* the value of Content-Length, while it is read */
	__u64 length;
	__u32 digits;
	__u32 in_length;
};

/* The place of the first line feed in a word; 8: there is none. */
static __always_inline __u32 line_feed_in(__u64 word)
{
	__u64 zero = word ^ EACH_BYTE('\n');
	__u64 hit = (zero - EACH_BYTE(1)) & ~zero & EACH_BYTE(0x80);
	__u32 at = 0;

	if (!hit)
		return 8;
	if (!(hit & 0xffffffff)) {
		hit >>= 32;
		at = 4;
	}
	if (!(hit & 0xffff)) {
		hit >>= 16;
		at += 2;
	}
	return at + !(hit & 0xff);
}

/*
 * A digit of the length, or what is behind them. A turn each: a loop of its own, in the midst of
 * the other, is more than the verifier goes through (Linux 6.18: "sequence of 8193 jumps").
 */
static __always_inline void read_digit(struct heading *heading)
{
	struct framing *framing = heading->framing;
	__u8 byte = word_at(heading->scratch, heading->at);

	if (is_digit(byte)) {
		heading->length = heading->length * 10 + (byte - '0');
		heading->digits++;
		heading->at++;
		return;
	}
	if (byte == ' ' && !heading->digits) {
		heading->at++;
		return;
	}
	if (!heading->digits || heading->digits > LENGTH_DIGITS_MAX || byte != '\r' ||
	    (framing->has_length && framing->length != heading->length))
		framing->is_bad = 1;
	framing->has_length = 1;
	framing->length = heading->length;
	heading->in_length = 0;
}

/* A line that begins there; 1: the empty one. */
static __always_inline long read_line(struct heading *heading)
{
	const struct scratch *scratch = heading->scratch;
	__u64 small = EACH_BYTE(' ');
	__u32 at = heading->at;
	__u64 first = word_at(scratch, at) | small;
	__u64 second = word_at(scratch, at + 8) | small;

	if ((word_at(scratch, at) & 0xffff) == WORD('\r', '\n', 0, 0)) {
		heading->framing->head = at + 2;
		return 1;
	}
	if (first == BYTES('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
	    (second & ~(0xffULL << 56)) == BYTES('l', 'e', 'n', 'g', 't', 'h', ':', 0)) {
		heading->at = at + 15;
		heading->in_length = 1;
		heading->length = 0;
		heading->digits = 0;
	} else if (first == BYTES('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
		   second == BYTES('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n')) {
		heading->framing->is_coded = 1;
	} else if (first == BYTES('u', 'p', 'g', 'r', 'a', 'd', 'e', ':')) {
		if ((second & 0xff) == ' ')
			second >>= 8;
		heading->framing->is_http2 = (__u32)second == WORD('h', '2', 'c', '\r' | ' ');
	}
	return 0;
}

/* Up to WORDS_A_TURN words, as a turn costs as much as to look through three or four of them. */
static long next_words(__u32 turn, struct heading *heading)
{
	__u32 at = heading->at;
	__u32 feed = 8;

	if (at >= heading->len)
		return 1;
	if (heading->in_length) {
		read_digit(heading);
		return 0;
	}
#pragma unroll
	for (int i = 0; i < WORDS_A_TURN && feed == 8; i++) {
		feed = line_feed_in(word_at(heading->scratch, at));
		at += feed == 8 ? 8 : feed + 1;
	}
	heading->at = at;
	return feed == 8 ? 0 : read_line(heading);
}

/*
 * Reads the scratch from `at` to `len`. Not static: verified once, and not at each place; and from
 * an `at` that the verifier does not know, or each turn is a state of its own (Linux 6.18: E2BIG).
 */
__noinline int read_head_fields(struct scratch *scratch, __u32 at, __u32 len,
				struct framing *framing)
{
	struct heading heading = {
		.scratch = scratch, .framing = framing, .at = at, .len = len,
	};

	if (!scratch || !framing)
		return 0;
	bpf_loop(HEAD_TURNS_MAX, next_words, &heading, 0);
	/* what is beyond is of another piece */
	if (framing->head > len)
		framing->head = 0;
	return 0;
}

/* May a body follow this head, as far as its first line tells? */
static __always_inline bool may_have_body(struct conn *conn, const struct scratch *scratch)
{
	__u64 first = word_at(scratch, 0);
	__u32 status = word_at(scratch, 9);

	if ((__u32)first == WORD('H', 'T', 'T', 'P')) {
		status &= 0xffffff;
		return !conn->asks_bodiless && (status & 0xff) != '1' &&
		       status != WORD('2', '0', '4', 0) && status != WORD('3', '0', '4', 0);
	}
	conn->asks_bodiless = (__u32)first == WORD('H', 'E', 'A', 'D') ||
			      (__u32)first == WORD('C', 'O', 'N', 'N');
	/* POST, PUT, PATCH */
	return (first & 0xff) == 'P';
}

/* Is all of the piece there, and a head's end its end? */
static __always_inline bool is_head_alone(const struct scratch *scratch, const struct piece *piece)
{
	__u32 last = piece->len - 4;

	return piece->len >= 16 && piece->captured == piece->len &&
	       (__u32)word_at(scratch, last) == WORD('\r', '\n', '\r', '\n');
}

/* Does the server agree to speak something else from here on (RFC 9110 §15.2.2)? */
static __always_inline bool is_switch(const struct conn *conn, const struct scratch *scratch,
				      const struct piece *piece)
{
	return unlikely((__u32)word_at(scratch, 8) == WORD(' ', '1', '0', '1')) &&
	       (__u32)word_at(scratch, 0) == WORD('H', 'T', 'T', 'P') &&
	       !is_from_client(conn, piece);
}

/*
 * From the end of this head on frames may come, and before the client's preface does, which the
 * server need not wait for (RFC 7540 §3.2): what stands behind the head is a piece of its own.
 */
static __noinline void begin_http2(struct conn *conn, struct scratch *scratch,
				   struct piece *piece)
{
	struct framing framing = {};
	__u32 server = piece->direction & 1;

	read_head_fields(scratch, 0, piece->captured, &framing);
	if (!framing.head || !framing.is_http2)
		return;
	conn->verdict = VERDICT_FRAMED;
	conn->interleaved = 1;
	conn->frames[server].frame = piece->offset + framing.head;
	conn->frames[!server].frame = conn->streams[!server].reported + HTTP2_PREFACE_BYTES;
	piece->end = piece->len - framing.head;
	piece->len = framing.head;
	piece->captured = framing.head;
	__builtin_memset(scratch->record.tail, 0, EDGE_BYTES);
}

/*
 * A message has begun with the piece, whose first bytes are in the scratch. Not static, as
 * read_head_fields() is not.
 */
__noinline int begin_body(struct conn *conn, struct scratch *scratch, struct piece *piece)
{
	struct framing framing = {};
	struct stream *stream;
	bool was_short;

	if (!conn || !scratch || !piece)
		return 0;
	stream = &conn->streams[piece->direction & 1];
	was_short = stream->pieces && stream->pieces <= 1 + SHORT_BODY_PIECES && !stream->was_withheld;
	stream->pieces = 1;
	stream->body_end = 0;
	stream->is_doubtful = 0;
	stream->was_withheld = 0;
	conn->streams[!(piece->direction & 1)].is_doubtful = 1;
	if (is_switch(conn, scratch, piece)) {
		begin_http2(conn, scratch, piece);
		return 0;
	}
	if (!may_have_body(conn, scratch) || conn->closed || was_short ||
	    (piece->len <= knobs.capture_small && !is_head_alone(scratch, piece)))
		return 0;
	read_head_fields(scratch, 0, piece->captured, &framing);
	if (!framing.head || framing.is_bad)
		return 0;
	if (framing.is_coded || !framing.has_length) {
		/* a request without either has no body */
		if (framing.is_coded || byte_at(word_at(scratch, 0), 0) == 'H')
			stream->body_end = BODY_OPEN;
		return 0;
	}
	stream->body_end = piece->offset + framing.head + framing.length;
	if (stream->body_end <= piece->offset + piece->len)
		stream->body_end = 0;
	else
		piece->captured = least(piece->captured, framing.head);
	return 0;
}

/* Not inlined, as it is rare. From softirq too, when a connection ends: not by a scratch. */
static __noinline void tell_withheld(struct conn *conn, const struct tcp_sock *tp,
				     __u32 direction)
{
	struct stream *stream = &conn->streams[direction & 1];
	struct payload_record *record;
	__u32 withheld = stream->withheld;

	stream->withheld = 0;
	stream->told_jiffies = bpf_jiffies64();
	count(COUNTER_PAYLOAD_EVENTS);
	record = bpf_ringbuf_reserve(&payload, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_PAYLOAD_LOST_RING);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	begin_record(record, conn, tp, direction);
	record->len = withheld;
	record->skipped = withheld;
	record->pid = conn->pid;
	record->offset = stream->reported - withheld;
	record->time_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(record, wake_flags(&payload, sizeof(*record)));
}

static __always_inline void report_withheld(struct conn *conn, const struct tcp_sock *tp,
					    __u32 direction)
{
	if (conn->streams[direction & 1].withheld)
		tell_withheld(conn, tp, direction);
}

/* The connection ends: from here on nothing is withheld, as nothing would tell of it. */
static __always_inline void end_bodies(struct conn *conn, const struct tcp_sock *tp)
{
	conn->streams[0].body_end = 0;
	conn->streams[1].body_end = 0;
	report_withheld(conn, tp, DIRECTION_RECEIVED);
	report_withheld(conn, tp, DIRECTION_SENT);
}

/* What is to be copied of the piece has been, and its tail: is it to be told of? */
static __always_inline bool needs_telling(struct conn *conn, const struct tcp_sock *tp,
					  struct scratch *scratch, struct piece *piece)
{
	struct stream *stream = &conn->streams[piece->direction & 1];

	if (piece->begins) {
		begin_body(conn, scratch, piece);
		report_withheld(conn, tp, !piece->direction);
		return true;
	}
	if (stream->pieces && stream->pieces < PIECES_MAX)
		stream->pieces++;
	if (conn->verdict != VERDICT_HTTP || piece->captured)
		return true;
	return !is_withheld(stream, piece->offset + piece->len, piece->len,
			    *(__u64 *)scratch->record.tail);
}

#endif
