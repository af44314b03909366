/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bytes of a stream are copied to user space.
 *
 * Short pieces come whole. Of a long one comes, where HTTP/1 is spoken, the beginning when it may
 * hold a message's head, else only its length; where frames are, the first capture_small bytes. A
 * connection that speaks neither is found out by its first bytes and from then on costs one check.
 * Of TLS come the hellos.
 */
#ifndef FLOWSPAN_VERDICT_BPF_H
#define FLOWSPAN_VERDICT_BPF_H

#include "tls_hello.bpf.h"
#include "withheld.bpf.h"

/* Pieces that may match nothing before a connection is given up. */
#define UNDECIDED_PIECES_MAX 8
/* Of a connection older than the programs, which may be in the midst of a long body. */
#define OLDER_PIECES_MAX 64
/* What is_http_start() looks at, and the length of a record's tail. */
#define EDGE_BYTES 8
#define HTTP2_PREFACE_BYTES 24
/* Bytes of the requests for TLS that clients of PostgreSQL and of MySQL begin with. */
#define POSTGRESQL_STARTTLS 8
#define MYSQL_STARTTLS 36

struct piece {
	__u64 offset;
	__u32 len;
	/* bytes of `len` now in scratch, and how many stand before them */
	__u32 captured;
	__u32 skipped;
	/* bytes of the stream behind the piece that make a piece of their own, and come whole */
	__u32 end;
	__u8 direction;
	__u8 flags;
	/* `captured` and `skipped` are what is wanted */
	__u8 chosen;
	/* a message of HTTP/1 begins with it */
	__u8 begins;
	__u8 pad[4];
};

/* Has the piece been sent by the connection's client? */
static __always_inline bool is_from_client(const struct conn *conn, const struct piece *piece)
{
	return (piece->direction == DIRECTION_SENT) == (conn->role == ROLE_CLIENT);
}

/* Where no HTTP/1 message begins: by a stream's first 8 bytes, or how many pieces there were. */
static __always_inline void decide(struct conn *conn, const struct piece *piece, __u64 head)
{
	bool older = conn->flags & CONN_OLDER;
	__u64 offset = older ? 0 : piece->offset;
	bool whole = offset + piece->len >= EDGE_BYTES;

	if (older && whole && is_http2_headers(head)) {
		conn->verdict = VERDICT_FRAMED;
		conn->interleaved = 1;
		conn->frames[piece->direction & 1].frame = piece->offset;
		return;
	}
	if (older && is_from_client(conn, piece) && is_older_request(head, piece->len)) {
		conn->verdict = VERDICT_FRAMED;
		return;
	}
	if (is_tls_start(head))
		conn->verdict = piece->offset < EDGE_BYTES && is_from_client(conn, piece) &&
						(!whole || is_hello_start(head, TLS_CLIENT_HELLO)) ?
					VERDICT_TLS :
					VERDICT_NEVER;
	else if (offset < EDGE_BYTES &&
		 is_framed_start(head, whole, is_from_client(conn, piece))) {
		conn->verdict = VERDICT_FRAMED;
		conn->interleaved = is_http2_start(head);
		conn->frames[piece->direction & 1].frame = HTTP2_PREFACE_BYTES;
	} else if (++conn->pieces > (older ? OLDER_PIECES_MAX : UNDECIDED_PIECES_MAX))
		conn->verdict = VERDICT_NEVER;
}

/* HTTP/1 that both ends have agreed to leave (RFC 7540 §3.2): the client goes on with a preface. */
static __always_inline bool is_upgraded(struct conn *conn, const struct piece *piece, __u64 head)
{
	if (!is_http2_start(head) || !is_from_client(conn, piece))
		return false;
	conn->verdict = VERDICT_FRAMED;
	conn->interleaved = 1;
	conn->frames[piece->direction & 1].frame = piece->offset + HTTP2_PREFACE_BYTES;
	return true;
}

/*
 * Decides what a connection speaks by a piece that begins with `head`. A stream's first 8 bytes are
 * put together, for a reader may take them one by one.
 */
static __always_inline bool is_message_start(struct conn *conn, struct piece *piece, __u64 head)
{
	__u64 *first = &conn->frames[piece->direction & 1].first;

	if (conn->verdict == VERDICT_UNDECIDED && piece->offset < EDGE_BYTES) {
		*first |= head << piece->offset * 8;
		head = *first;
	}
	if (is_http_start(head)) {
		conn->verdict = VERDICT_HTTP;
		piece->begins = 1;
		return true;
	}
	if (conn->verdict == VERDICT_UNDECIDED)
		decide(conn, piece, head);
	if (conn->verdict != VERDICT_HTTP || is_upgraded(conn, piece, head))
		return false;
	/* behind CONNECT */
	return is_hello_start(head, TLS_CLIENT_HELLO);
}

/* Has the reader seen enough of the connection? */
static __always_inline bool is_over(const volatile struct want *want)
{
	return want && want->from[DIRECTION_RECEIVED] == WANT_NOTHING &&
	       want->from[DIRECTION_SENT] == WANT_NOTHING;
}

static __always_inline __u32 least(__u32 one, __u32 other)
{
	return one < other ? one : other;
}

/*
 * Does a piece begin there that may be a client's hello behind a request for TLS, or without the
 * header of the record?
 */
static __always_inline bool may_be_hello(__u64 offset)
{
	return offset == POSTGRESQL_STARTTLS || offset == MYSQL_STARTTLS ||
	       offset == POSTGRESQL_STARTTLS + TLS_RECORD_HEADER ||
	       offset == MYSQL_STARTTLS + TLS_RECORD_HEADER;
}

/*
 * Does the piece stand wholly before what the reader wants, short of its last byte? A body whose
 * length is known is told of by its beginning and its end. What only one direction has enough of
 * is counted all the same.
 */
static __always_inline bool is_unwanted(const struct piece *piece, const volatile struct want *want)
{
	__u64 from = want ? want->from[piece->direction & 1] : 0;

	return from != WANT_NOTHING && from > piece->offset + piece->len;
}

/*
 * Chooses of a piece where frames are spoken: from where the reader wants bytes, as many as it
 * wants, and of a longer one its end too, which becomes a piece of its own. What follows a long
 * body in the same write (trailers of gRPC, END of memcached, the next reply) mostly stands there.
 *
 *     │◀── skipped ──▶│◀── captured ──▶│◀── length alone ──▶│◀── end ──▶│
 *
 * 0: nothing is wanted of it, or ever again. As wanted(), not static: each is verified once, and
 * not with all that comes before and behind it at each place.
 */
__noinline int choose(struct conn *conn, struct piece *piece)
{
	const volatile struct want *want;
	__u32 most = knobs.capture_small;
	__u32 end = most / 2;
	__u64 before = 0;
	__u32 left;
	__u64 from;
	__u32 bytes;

	if (!conn || !piece)
		return 0;
	want = want_of(conn);
	if (is_over(want)) {
		conn->verdict = VERDICT_NEVER;
		return 0;
	}
	if (is_unwanted(piece, want))
		return 0;
	if (is_from_client(conn, piece) && may_be_hello(piece->offset))
		most = knobs.capture_max;
	/* 8 bytes are not worth a choice, and are their own tail */
	if (want && piece->len > EDGE_BYTES) {
		from = want->from[piece->direction & 1];
		bytes = want->bytes[piece->direction & 1];
		if (bytes > most)
			most = least(bytes, knobs.capture_max);
		if (from > piece->offset)
			before = from - piece->offset;
	}
	piece->chosen = 1;
	piece->skipped = before < piece->len ? before : piece->len;
	left = piece->len - piece->skipped;
	if (left > most + end) {
		piece->end = end;
		piece->len -= end;
		left = most;
	}
	piece->captured = least(left, CAPTURE_MAX);
	return 1;
}

/* From the piece to that which its end has become. */
static __always_inline void to_end(struct piece *piece)
{
	piece->offset += piece->len;
	piece->len = piece->end;
	piece->captured = piece->end;
	piece->skipped = 0;
	piece->flags = 0;
}

/* As wanted(), where TLS is spoken. */
static __always_inline int wanted_hello(struct conn *conn, const struct piece *piece, __u64 head)
{
	struct stream *stream = &conn->streams[piece->direction & 1];
	__u64 *first = &conn->frames[piece->direction & 1].first;
	bool from_client = is_from_client(conn, piece);

	if (piece->offset < EDGE_BYTES) {
		*first |= head << piece->offset * 8;
		begin_hello(stream, *first, piece->offset + piece->len >= EDGE_BYTES,
			    from_client ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO);
	}
	if (piece->offset >= stream->capture_until)
		return behind_hello(conn, from_client, piece->len, head);
	return least(piece->len, stream->capture_until - piece->offset);
}

/* How many bytes of the piece to copy, its first 8 being `head`. -1: none, and no record either. */
__noinline int wanted(struct conn *conn, struct piece *piece, __u64 head)
{
	struct stream *stream;
	__u64 room;

	if (!conn || !piece)
		return -1;
	stream = &conn->streams[piece->direction & 1];
	if (piece->chosen)
		return piece->captured;
	if (conn->verdict != VERDICT_TLS && is_message_start(conn, piece, head))
		stream->capture_until = piece->offset + knobs.capture_max;
	else if (is_over(want_of(conn)))
		conn->verdict = VERDICT_NEVER;
	if (conn->verdict == VERDICT_NEVER)
		return -1;
	if (conn->verdict == VERDICT_TLS)
		return wanted_hello(conn, piece, head);
	if (conn->verdict == VERDICT_FRAMED)
		return least(piece->len, knobs.capture_max);
	/* behind what was withheld of a body nobody can tell what a part of it is */
	if (piece->len <= knobs.capture_small &&
	    !(stream->was_withheld && piece->offset + piece->len <= stream->body_end))
		return piece->len;
	if (piece->offset >= stream->capture_until)
		return 0;
	room = stream->capture_until - piece->offset;
	return room < piece->len ? room : piece->len;
}

/* Does it go on frame by frame? Not where nothing is wanted any more, which look() finds. */
static __always_inline bool is_interleaved(const struct conn *conn)
{
	return conn->interleaved && conn->verdict == VERDICT_FRAMED && !is_over(want_of(conn));
}

/* In the midst of a body, where nobody needs to know of it? Asked before anything is read. */
static __always_inline bool is_passed_by(struct conn *conn, const struct piece *piece)
{
	struct stream *stream = &conn->streams[piece->direction & 1];

	return conn->verdict == VERDICT_HTTP && is_in_body(stream, piece->offset + piece->len) &&
	       withhold(stream, piece->len);
}

/* As wanted(), with little for what most pieces of HTTP/1 are that come here: its heads. */
static __always_inline int wanted_now(struct conn *conn, struct piece *piece, __u64 head)
{
	if (conn->verdict != VERDICT_HTTP || !is_http_start(head))
		return wanted(conn, piece, head);
	piece->begins = 1;
	conn->streams[piece->direction & 1].capture_until = piece->offset + knobs.capture_max;
	return least(piece->len, knobs.capture_max);
}

/*
 * Sets which bytes to copy before wanted() can be asked: all of a short piece, so that it is copied
 * once. false: none, and no record either.
 */
static __always_inline bool look(struct conn *conn, struct piece *piece)
{
	struct stream *stream = &conn->streams[piece->direction & 1];
	__u32 most;

	if (conn->verdict == VERDICT_FRAMED)
		return choose(conn, piece);
	/* a head is not behind itself: short exchanges are spared the look at what is wanted */
	if (conn->verdict == VERDICT_HTTP && piece->offset >= stream->capture_until &&
	    is_unwanted(piece, want_of(conn)) && withhold(stream, piece->len))
		return false;
	/* what is no body is mostly a head, however long: it is copied once, and not after a look */
	most = conn->verdict == VERDICT_TLS || stream->body_end ? knobs.capture_small :
								  knobs.capture_max;
	piece->captured = piece->len <= most ? piece->len : EDGE_BYTES;
	return true;
}

#endif
