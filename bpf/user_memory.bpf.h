/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads the memory that a message is gathered from: one buffer (write, send) or several (writev,
 * sendmsg). Pages (sendfile, splice) and kernel memory are not read: the piece has only a length.
 */
#ifndef FLOWSPAN_USER_MEMORY_BPF_H
#define FLOWSPAN_USER_MEMORY_BPF_H

#include "payload.bpf.h"

/*
 * Buffers of one message that are looked into: as many as a message can have (UIO_MAXIOV). A head
 * and the first of its body are two or three; of HTTP/2 who writes many streams at once gathers
 * several a stream.
 */
#define IOVECS_MAX 1024

/* Of a message: `len` bytes from byte `from` of its first buffer on. */
struct span {
	__u64 from;
	__u32 len;
	__u32 pad;
};

static __always_inline bool is_iovec(const struct iov_iter *iter)
{
	return iter->iter_type == bpf_core_enum_value(enum iter_type, ITER_IOVEC);
}

static __always_inline bool is_user(const struct iov_iter *iter)
{
	return is_ubuf(iter) || is_iovec(iter);
}

/*
 * Reads `len` bytes to scratch.bytes[at]. The barrier keeps clang from making one comparison of a
 * difference of two, from which the verifier of Linux 6.12 learns nothing of the length itself ("R2
 * unbounded memory access").
 */
static __always_inline bool read_at(struct scratch *scratch, __u32 at, const void *from, __u64 len)
{
	if (at >= CAPTURE_MAX || len == 0)
		return false;
	barrier_var(len);
	if (len > CAPTURE_MAX)
		return false;
	return bpf_probe_read_user(scratch->bytes + at, len, from) == 0;
}

/* Where gathering is. */
struct gathering {
	struct scratch *scratch;
	const struct iovec *iovecs;
	/* bytes of the span's beginning that are still before it */
	__u64 skip;
	__u32 done;
	__u32 len;
};

/* What of the span is in one buffer; 1: no more. */
static __always_inline long gather_from(struct gathering *gathering, const struct iovec *iovec)
{
	__u64 len;

	if (gathering->skip >= iovec->iov_len) {
		gathering->skip -= iovec->iov_len;
		return 0;
	}
	len = iovec->iov_len - gathering->skip;
	if (len > gathering->len - gathering->done)
		len = gathering->len - gathering->done;
	if (!read_at(gathering->scratch, gathering->done, iovec->iov_base + gathering->skip, len))
		return 1;
	gathering->done += len;
	gathering->skip = 0;
	return gathering->done >= gathering->len;
}

static long gather(__u32 i, struct gathering *gathering)
{
	struct iovec iovec;

	if (bpf_probe_read_kernel(&iovec, sizeof(iovec), gathering->iovecs + i))
		return 1;
	return gather_from(gathering, &iovec);
}

/* Mostly there are two: a head, and a body. */
static __always_inline void gather_pair(struct gathering *gathering)
{
	struct iovec pair[2];

	if (bpf_probe_read_kernel(pair, sizeof(pair), gathering->iovecs))
		return;
	if (!gather_from(gathering, &pair[0]))
		gather_from(gathering, &pair[1]);
}

/* Where a message's memory is: one stretch (no segments), or so many iovecs; 0: not the user's. */
static __always_inline __u64 user_memory(struct scratch *scratch, const struct iov_iter *iter,
					 __u32 *segments)
{
	*segments = 0;
	if (!is_user(iter))
		return 0;
	if (!is_ubuf(iter))
		*segments = iter->nr_segs < IOVECS_MAX ? iter->nr_segs : IOVECS_MAX;
	return as_number(scratch, get_buffers(iter));
}

/*
 * Reads `len` bytes behind `skip` of it to the scratch's begin; returns how many could be read. By
 * bpf_loop(), for even 64 turns of an ordinary loop are more than the verifier of Linux 6.18
 * goes through (E2BIG), and not static, so that it is verified once and not at each place.
 */
__noinline int read_memory(struct scratch *scratch, __u64 memory, __u32 segments, __u64 skip,
			   __u32 len)
{
	struct gathering gathering = {
		.scratch = scratch,
		.iovecs = (const struct iovec *)memory,
		.skip = skip,
		.len = len,
	};

	if (!scratch || !len)
		return 0;
	if (!segments)
		return read_at(scratch, 0, (const void *)(memory + skip), len) ? len : 0;
	if (segments == 2)
		gather_pair(&gathering);
	else
		bpf_loop(segments, gather, &gathering, 0);
	return gathering.done;
}

static __always_inline __u32 read_iovecs(struct scratch *scratch, const struct iov_iter *iter,
					 const struct span *span)
{
	__u32 segments;
	__u64 memory = user_memory(scratch, iter, &segments);
	__u32 done = segments ? read_memory(scratch, memory, segments, span->from, span->len) : 0;

	/* it is never more, but the verifier does not know */
	return done < span->len ? done : span->len;
}

/* Reads the span to the scratch's begin; returns how many bytes could be read. */
static __always_inline __u32 read_user(struct scratch *scratch, const struct iov_iter *iter,
				       const struct span *span)
{
	const void *from;

	if (is_ubuf(iter)) {
		from = (const void *)(as_number(scratch, get_buffers(iter)) + span->from);
		return read_at(scratch, 0, from, span->len) ? span->len : 0;
	}
	return is_iovec(iter) ? read_iovecs(scratch, iter, span) : 0;
}

/*
 * Reads the message's last 8 bytes, of at most two buffers, to the record's tail; without a message
 * there are none. Not inlined: it is called twice.
 */
static __noinline void read_user_tail(struct scratch *scratch, const struct iov_iter *iter)
{
	__u8 *tail = scratch->record.tail;
	const struct iovec *end;
	struct iovec last = {};
	struct iovec before = {};
	__u64 buffers;
	__u32 split;

	__builtin_memset(tail, 0, EDGE_BYTES);
	if (!iter)
		return;
	if (!is_user(iter))
		return;
	buffers = as_number(scratch, get_buffers(iter));
	end = (const struct iovec *)buffers + iter->nr_segs;
	if (is_ubuf(iter)) {
		last.iov_base = (void *)buffers;
		last.iov_len = iter->iov_offset + iter->count;
	} else if (iter->nr_segs) {
		bpf_probe_read_kernel(&last, sizeof(last), end - 1);
	}
	if (last.iov_len >= EDGE_BYTES) {
		bpf_probe_read_user(tail, EDGE_BYTES, last.iov_base + last.iov_len - EDGE_BYTES);
		return;
	}
	if (is_ubuf(iter) || iter->nr_segs < 2)
		return;
	/* such as the end of a chunked body, written as a buffer of its own */
	bpf_probe_read_kernel(&before, sizeof(before), end - 2);
	split = (EDGE_BYTES - last.iov_len) & (EDGE_BYTES - 1);
	if (split == 0 || before.iov_len < split)
		return;
	bpf_probe_read_user(tail, split, before.iov_base + before.iov_len - split);
	bpf_probe_read_user(tail + split, EDGE_BYTES - split, last.iov_base);
}

#endif
