/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads the memory that a message is gathered from: one buffer (write, send) or several (writev,
 * sendmsg). Pages (sendfile, splice) and kernel memory are not read: the piece has only a length.
 */
#ifndef FLOWSPAN_USER_MEMORY_BPF_H
#define FLOWSPAN_USER_MEMORY_BPF_H

#include "payload.bpf.h"

/* Buffers of one message that are looked into: a head and the first of its body need two, three. */
#define IOVECS_MAX 8

/* Of a message: `len` bytes from byte `from` of its first buffer on. */
struct span {
	__u64 from;
	__u32 len;
	__u32 pad;
};

static __always_inline bool is_ubuf(const struct iov_iter *iter)
{
	return iter->iter_type == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

static __always_inline bool is_iovec(const struct iov_iter *iter)
{
	return iter->iter_type == bpf_core_enum_value(enum iter_type, ITER_IOVEC);
}

static __always_inline bool is_user(const struct iov_iter *iter)
{
	return is_ubuf(iter) || is_iovec(iter);
}

/* Reads `len` bytes to scratch.bytes[at]. */
static __always_inline bool read_at(struct scratch *scratch, __u32 at, const void *from, __u64 len)
{
	if (at >= CAPTURE_MAX || len == 0 || len > CAPTURE_MAX)
		return false;
	return bpf_probe_read_user(scratch->bytes + at, len, from) == 0;
}

static __always_inline __u32 read_iovecs(struct scratch *scratch, const struct iov_iter *iter,
					 const struct span *span)
{
	const struct iovec *iovecs = iter->__iov;
	__u64 segments = iter->nr_segs;
	__u64 skip = span->from;
	struct iovec iovec;
	__u32 done = 0;
	__u64 len;

	for (__u32 i = 0; i < IOVECS_MAX && i < segments && done < span->len; i++) {
		if (bpf_probe_read_kernel(&iovec, sizeof(iovec), iovecs + i))
			break;
		if (skip >= iovec.iov_len) {
			skip -= iovec.iov_len;
			continue;
		}
		len = iovec.iov_len - skip;
		if (len > span->len - done)
			len = span->len - done;
		if (!read_at(scratch, done, iovec.iov_base + skip, len))
			break;
		done += len;
		skip = 0;
	}
	return done;
}

/* Reads the span to the scratch's begin; returns how many bytes could be read. */
static __always_inline __u32 read_user(struct scratch *scratch, const struct iov_iter *iter,
				       const struct span *span)
{
	if (is_ubuf(iter))
		return read_at(scratch, 0, iter->ubuf + span->from, span->len) ? span->len : 0;
	return is_iovec(iter) ? read_iovecs(scratch, iter, span) : 0;
}

/* Reads the message's last 8 bytes, of at most two buffers, to the record's tail. */
static __always_inline void read_user_tail(struct scratch *scratch, const struct iov_iter *iter)
{
	__u8 *tail = scratch->record.tail;
	struct iovec last = {};
	struct iovec before = {};
	__u32 split;

	__builtin_memset(tail, 0, EDGE_BYTES);
	if (is_ubuf(iter)) {
		last.iov_base = iter->ubuf;
		last.iov_len = iter->iov_offset + iter->count;
	} else if (is_iovec(iter) && iter->nr_segs) {
		bpf_probe_read_kernel(&last, sizeof(last), iter->__iov + iter->nr_segs - 1);
	}
	if (last.iov_len >= EDGE_BYTES) {
		bpf_probe_read_user(tail, EDGE_BYTES, last.iov_base + last.iov_len - EDGE_BYTES);
		return;
	}
	if (!is_iovec(iter) || iter->nr_segs < 2)
		return;
	/* such as the end of a chunked body, written as a buffer of its own */
	bpf_probe_read_kernel(&before, sizeof(before), iter->__iov + iter->nr_segs - 2);
	split = (EDGE_BYTES - last.iov_len) & (EDGE_BYTES - 1);
	if (split == 0 || before.iov_len < split)
		return;
	bpf_probe_read_user(tail, split, before.iov_base + before.iov_len - split);
	bpf_probe_read_user(tail + split, EDGE_BYTES - split, last.iov_base);
}

#endif
