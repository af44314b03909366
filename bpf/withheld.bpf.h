/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pieces of HTTP/1 bodies that nobody is told of. The next piece that is told of says how many
 * bytes were withheld before it, as if it had begun with them and they were unwanted:
 *
 *     head        body                                             next head
 *     │ told │ withheld │ withheld │ … │ told: len, skipped │ … │ told │
 *
 * Told of are the piece that ends a body, what stands before a message of the other direction, or
 * before the connection's end, and one each 250 ms or 16 MiB: the stream has no gap, and whoever
 * waits for silence sees that there is none.
 */
#ifndef FLOWSPAN_WITHHELD_BPF_H
#define FLOWSPAN_WITHHELD_BPF_H

#include "http_start.bpf.h"
#include "maps.bpf.h"

/* A body whose end its bytes tell, or the connection's end. */
#define BODY_OPEN (~0ULL)
#define WITHHELD_BYTES_MAX (1 << 24)
#define WITHHELD_US_MAX 250000

/* The end of a chunked body, as a piece's tail: with what stands before it, or alone. */
static __always_inline bool ends_chunked(__u64 tail, __u32 len)
{
	__u64 alone = WORD('0', '\r', '\n', '\r') | (__u64)'\n' << 32;

	if (len == 5)
		return tail >> 24 == alone;
	return len > 6 && tail >> 8 == (alone << 16 | WORD('\r', '\n', 0, 0));
}

/* false: it is time to tell of what was withheld, and of this piece. */
static __always_inline bool withhold(struct stream *stream, __u32 len)
{
	__u32 passed = (__u32)bpf_jiffies64() - stream->told_jiffies;
	__u64 withheld = (__u64)stream->withheld + len;

	if (withheld > WITHHELD_BYTES_MAX ||
	    (__u64)passed * knobs.jiffy_us >= WITHHELD_US_MAX)
		return false;
	stream->withheld = withheld;
	stream->was_withheld = 1;
	return true;
}

/*
 * Does the stretch stand in a body, short of its last byte? Not beyond doubt where the other
 * direction has begun a message meanwhile: an answer to HEAD has a length and no body, and who was
 * not told to continue sends none.
 */
static __always_inline bool is_in_body(const struct stream *stream, __u64 end)
{
	return end < stream->body_end && stream->body_end != BODY_OPEN && !stream->is_doubtful;
}

/* Does nobody need to know of a piece that begins no message, and of which nothing is copied? */
static __always_inline bool is_withheld(struct stream *stream, __u64 end, __u32 len, __u64 tail)
{
	if (!stream->body_end)
		return false;
	if (stream->body_end == BODY_OPEN ? ends_chunked(tail, len) : end >= stream->body_end) {
		stream->body_end = 0;
		return false;
	}
	return withhold(stream, len);
}

#endif
