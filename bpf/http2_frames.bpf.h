/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goes from frame to frame of HTTP/2 (RFC 9113 §4.1), so that of many frames in one write or buffer
 * all come but the bodies of long DATA frames. The tables of HPACK and the ends of streams depend
 * on every frame, and a server sends those of many streams at once.
 *
 *     piece    … DATA │ HEADERS │ DATA ─────────────── │ DATA ──────── │ HEADERS │
 *     records  ◀─skipped─▶◀── captured ──▶◀─ length ─▶ ◀─▶◀─ length ─▶ ◀captured▶
 *
 *     header   length 3 │ type 1 │ flags 1 │ stream 4      the first 4 bytes tell where the next is
 */
#ifndef FLOWSPAN_HTTP2_FRAMES_BPF_H
#define FLOWSPAN_HTTP2_FRAMES_BPF_H

#include "http_body.bpf.h"
#include "user_memory.bpf.h"

#define FRAME_HEADER_BYTES 9
#define FRAME_EDGE_BYTES 4
#define FRAME_DATA 0
#define FRAME_TYPE_MAX 0x10
/* The default of RFC 9113 §6.5.2, and the most that is believed of DATA. */
#define FRAME_BYTES_MAX 16384
#define DATA_BYTES_MAX (1 << 20)
/* A record costs as much as a copy of so many bytes. */
#define DATA_BYTES_MIN 1024
/* Frames of one piece; behind them it is taken as it comes. */
#define FRAMES_MAX 256

/* Where a piece's bytes are: a socket buffer, or the memory that a message is gathered from. */
struct source {
	const struct bpf_dynptr *buffer;
	/* one stretch of memory, or so many iovecs */
	__u64 memory;
	__u32 segments;
	__u32 pad;
	/* of the piece's first byte */
	__u64 at;
};

/* Positions in the stream: of the record, and of what is copied of it. */
struct run {
	__u64 start;
	__u64 copy;
};

static __always_inline bool read_buffer(struct scratch *scratch, const struct bpf_dynptr *buffer,
					__u32 at, __u32 len)
{
	if (len == 0)
		return false;
	barrier_var(len);
	if (len > CAPTURE_MAX)
		return false;
	return bpf_dynptr_read(scratch->bytes, len, buffer, at, 0) == 0;
}

/* Reads `len` bytes to the scratch's begin. */
static __always_inline bool read_source(struct scratch *scratch, const struct source *source,
					__u64 skip, __u32 len)
{
	__u64 from = source->at + skip;

	if (source->buffer)
		return read_buffer(scratch, source->buffer, from, len);
	return read_memory(scratch, source->memory, source->segments, from, len) == (int)len;
}

/* The length of the frame whose header begins so; -1: that is no frame. */
static __always_inline __s64 frame_bytes(__u32 head)
{
	__u32 len = (head & 0xff) << 16 | (head & 0xff00) | (head >> 16 & 0xff);
	__u32 type = head >> 24;

	if (type > FRAME_TYPE_MAX || len > (type == FRAME_DATA ? DATA_BYTES_MAX : FRAME_BYTES_MAX))
		return -1;
	return len;
}

/* The first `count` bytes of a word. */
static __always_inline __u32 first_of(__u32 word, __u32 count)
{
	return count < FRAME_EDGE_BYTES ? word & ((1U << count * 8) - 1) : word;
}

/*
 * Where the first frame of the piece begins. After a loss, or where nothing is known yet, it is the
 * piece: programs write whole frames. What begins there must look like one, or it is tried again.
 * Volatile, lest the compiler tells the verifier where the preface ends: from a known number on,
 * each turn of the loop is a state of its own (Linux 6.18: E2BIG).
 */
static __always_inline __u64 first_frame(struct frames *frames, const struct piece *piece)
{
	__u64 frame = *(const volatile __u64 *)&frames->frame;

	if (frame + FRAME_EDGE_BYTES > piece->offset)
		return frame;
	frames->bulk = 0;
	return piece->offset;
}

/*
 * The 4 bytes that a frame at `at` begins with. Fewer where the piece ends before: they are kept
 * for the next one. Returns how many there are; 0: they could not be read.
 */
static __always_inline __u32 read_head(struct scratch *scratch, const struct source *source,
				       const struct piece *piece, struct frames *frames,
				       __u64 at, bool whole, __u32 *head)
{
	__u32 have = at < piece->offset ? (piece->offset - at) & 3 : 0;
	__u32 count = FRAME_EDGE_BYTES - have;
	__u64 skip;
	__u32 word;

	barrier_var(at);
	skip = at + have - piece->offset;
	if (count > piece->len - skip)
		count = piece->len - skip;
	if (whole) {
		word = *(__u32 *)(scratch->bytes + (skip & (CAPTURE_MAX - 1)));
	} else {
		if (!read_source(scratch, source, skip, count))
			return 0;
		word = *(__u32 *)scratch->bytes;
	}
	word = first_of(word, count);
	*head = have ? first_of(frames->first, have) | word << have * 8 : word;
	frames->first = *head;
	return have + count;
}

/* Where going from frame to frame is. */
struct walk {
	struct conn *conn;
	struct scratch *scratch;
	const struct source *source;
	const struct piece *piece;
	struct frames *frames;
	struct run run;
	__u64 at;
	__u64 end;
	__u64 whole;
};

/* Reports what stands before `end`, with the bytes from run.copy up to `stop`. */
static __always_inline void report_run(const struct walk *walk, __u64 stop, __u64 end)
{
	struct scratch *scratch = walk->scratch;
	const struct run *run = &walk->run;
	struct piece part = {
		.offset = run->start,
		.len = end - run->start,
		.skipped = run->copy - run->start,
		.direction = walk->piece->direction,
	};
	__u64 len = stop - run->copy;

	if (len > knobs.capture_max)
		len = knobs.capture_max;
	if (len) {
		if (read_source(scratch, walk->source, run->copy - walk->piece->offset, len))
			part.captured = len;
		else
			part.flags = PAYLOAD_FAULT;
	}
	__builtin_memset(scratch->record.tail, 0, EDGE_BYTES);
	report_rarely(walk->conn, scratch, &part);
}

/* One frame of a piece; 1: no more. */
static long next_frame(__u32 turn, struct walk *walk)
{
	struct frames *frames = walk->frames;
	__u64 at = walk->at;
	__u64 end = walk->end;
	__u64 next;
	__s64 len;
	__u32 head;

	if (at >= end || read_head(walk->scratch, walk->source, walk->piece, frames, at,
				   walk->whole, &head) < FRAME_EDGE_BYTES)
		return 1;
	len = frame_bytes(head);
	if (len < 0) {
		walk->at = 0;
		return 1;
	}
	next = at + FRAME_HEADER_BYTES + len;
	frames->bulk = 0;
	if (head >> 24 == FRAME_DATA && len >= DATA_BYTES_MIN && at + FRAME_HEADER_BYTES < end) {
		frames->bulk = next;
		if (!walk->whole) {
			report_run(walk, at + FRAME_HEADER_BYTES, next < end ? next : end);
			walk->run.start = walk->run.copy = next < end ? next : end;
		}
	} else if (!walk->whole && at > walk->run.copy &&
		   next - walk->run.copy > knobs.capture_max) {
		report_run(walk, at, at);
		walk->run.start = walk->run.copy = at;
	}
	walk->at = next;
	return 0;
}

/* Reports a piece frame by frame; one of up to capture_max bytes comes whole. */
static __always_inline void report_frames(struct conn *conn, struct scratch *scratch,
					  const struct source *source, struct piece *piece)
{
	struct frames *frames = &conn->frames[piece->direction & 1];
	struct walk walk = {
		.conn = conn,
		.scratch = scratch,
		.source = source,
		.piece = piece,
		.frames = frames,
		.run = { .start = piece->offset, .copy = piece->offset },
		.at = first_frame(frames, piece),
		.end = piece->offset + piece->len,
		.whole = piece->len <= knobs.capture_max,
	};
	bool readable = source->buffer || source->memory;

	if (walk.whole && readable && !read_source(scratch, source, 0, piece->len)) {
		piece->flags |= PAYLOAD_FAULT;
		readable = false;
	}
	if (frames->bulk > piece->offset)
		walk.run.copy = frames->bulk < walk.end ? frames->bulk : walk.end;
	if (readable)
		bpf_loop(FRAMES_MAX, next_frame, &walk, 0);
	frames->frame = walk.at;
	if (walk.whole || !readable) {
		piece->captured = readable ? piece->len : 0;
		__builtin_memset(scratch->record.tail, 0, EDGE_BYTES);
		report_rarely(conn, scratch, piece);
	} else if (walk.run.start < walk.end) {
		report_run(&walk, walk.end, walk.end);
	}
}

#endif
