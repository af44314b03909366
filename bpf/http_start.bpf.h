/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells by 8 bytes what a stream speaks.
 */
#ifndef FLOWSPAN_HTTP_START_BPF_H
#define FLOWSPAN_HTTP_START_BPF_H

#include <linux/types.h>
#include <stdbool.h>

/* Four bytes as they stand in memory, in a little-endian word. */
#define WORD(a, b, c, d) \
	((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* Does an HTTP/1 message begin with these 8 bytes: a method of RFC 9110 or 5789, or a version? */
static __always_inline bool is_http_start(__u64 head)
{
	__u32 next = head >> 32;

	switch ((__u32)head) {
	case WORD('G', 'E', 'T', ' '):
	case WORD('P', 'U', 'T', ' '):
		return true;
	case WORD('P', 'O', 'S', 'T'):
	case WORD('H', 'E', 'A', 'D'):
		return (next & 0xff) == ' ';
	case WORD('P', 'A', 'T', 'C'):
		return (next & 0xffff) == WORD('H', ' ', 0, 0);
	case WORD('T', 'R', 'A', 'C'):
		return (next & 0xffff) == WORD('E', ' ', 0, 0);
	case WORD('D', 'E', 'L', 'E'):
		return (next & 0xffffff) == WORD('T', 'E', ' ', 0);
	case WORD('O', 'P', 'T', 'I'):
		return next == WORD('O', 'N', 'S', ' ');
	case WORD('C', 'O', 'N', 'N'):
		return next == WORD('E', 'C', 'T', ' ');
	case WORD('H', 'T', 'T', 'P'):
		return (next & 0xffffff) == WORD('/', '1', '.', 0);
	default:
		return false;
	}
}

#endif
