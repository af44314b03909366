/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells by a connection's first 8 bytes whether it may speak a protocol of short messages that user
 * space has a parser for, or may have. A wrong yes costs copies of up to capture_small bytes until
 * user space has seen enough; a wrong no costs the connection's requests.
 *
 * Bytes that have not come yet are 0.
 */
#ifndef FLOWSPAN_FRAMED_START_BPF_H
#define FLOWSPAN_FRAMED_START_BPF_H

#include "http_start.bpf.h"

/* All 8 bytes as they stand in memory. */
#define BYTES(a, b, c, d, e, f, g, h) \
	((__u64)WORD(a, b, c, d) | (__u64)WORD(e, f, g, h) << 32)

static __always_inline __u8 byte_at(__u64 head, int at)
{
	return head >> at * 8;
}

/* A number of network order in two neighbouring bytes. */
static __always_inline __u32 be16_at(__u64 head, int at)
{
	return (__u32)byte_at(head, at) << 8 | byte_at(head, at + 1);
}

static __always_inline bool is_digit(__u8 byte)
{
	return byte >= '0' && byte <= '9';
}

/* Length, then protocol 3, or one of the requests for encryption and for cancelling. */
static __always_inline bool is_postgresql_start(__u64 head)
{
	__u8 last = byte_at(head, 7);

	if (be16_at(head, 0) != 0 || be16_at(head, 2) < 8)
		return false;
	if (be16_at(head, 4) == 3 && byte_at(head, 6) == 0)
		return true;
	/* CancelRequest, SSLRequest, GSSENCRequest: 1234 and 5678 to 5680 */
	return be16_at(head, 4) == 1234 && byte_at(head, 6) == 0x16 && last >= 0x2e && last <= 0x30;
}

/* A list of texts: an asterisk, one to three digits, the end of the line, a dollar sign. */
static __always_inline bool is_resp_start(__u64 head)
{
	if (byte_at(head, 0) != '*' || !is_digit(byte_at(head, 1)))
		return false;
	head >>= 16;
	if (is_digit(head))
		head >>= 8;
	if (is_digit(head))
		head >>= 8;
	return (head & 0xffffff) == WORD('\r', '\n', '$', 0);
}

/*
 * A length below 16 MiB, then the request's kind and version: below 100 and 20 as of Kafka 4, and
 * growing by a few a year.
 */
static __always_inline bool is_kafka_start(__u64 head)
{
	__u32 len = (__u32)byte_at(head, 1) << 16 | be16_at(head, 2);

	return byte_at(head, 0) == 0 && len >= 10 && be16_at(head, 4) < 128 &&
	       be16_at(head, 6) < 32;
}

/* A length, an id, the flags of a query (RFC 1035 §4.1.1: RD; AD and CD since), one question. */
static __always_inline bool is_dns_start(__u64 head)
{
	return be16_at(head, 0) >= 17 && (be16_at(head, 4) & 0xfecf) == 0 &&
	       be16_at(head, 6) == 1;
}

/* A command of memcached's text protocol, as much of it as fits. */
static __always_inline bool is_memcached_start(__u64 head)
{
	__u32 next = head >> 32;

	switch ((__u32)head) {
	case WORD('g', 'e', 't', ' '):
	case WORD('g', 'a', 't', ' '):
	case WORD('s', 'e', 't', ' '):
	case WORD('a', 'd', 'd', ' '):
	case WORD('c', 'a', 's', ' '):
	case WORD('m', 'n', '\r', '\n'):
		return true;
	case WORD('g', 'e', 't', 's'):
	case WORD('g', 'a', 't', 's'):
	case WORD('i', 'n', 'c', 'r'):
	case WORD('d', 'e', 'c', 'r'):
		return (next & 0xff) == ' ';
	case WORD('t', 'o', 'u', 'c'):
		return (next & 0xffff) == WORD('h', ' ', 0, 0);
	case WORD('s', 't', 'a', 't'):
		return (next & 0xff) == 's';
	case WORD('d', 'e', 'l', 'e'):
		return (next & 0xffffff) == WORD('t', 'e', ' ', 0);
	case WORD('a', 'p', 'p', 'e'):
		return (next & 0xffffff) == WORD('n', 'd', ' ', 0);
	case WORD('p', 'r', 'e', 'p'):
		return next == WORD('e', 'n', 'd', ' ');
	case WORD('r', 'e', 'p', 'l'):
		return next == WORD('a', 'c', 'e', ' ');
	case WORD('v', 'e', 'r', 's'):
		return next == WORD('i', 'o', 'n', '\r');
	case WORD('f', 'l', 'u', 's'):
		return next == WORD('h', '_', 'a', 'l');
	}
	/* meta commands: get, set, delete, arithmetic, debug */
	return byte_at(head, 0) == 'm' && byte_at(head, 2) == ' ' &&
	       (byte_at(head, 1) == 'g' || byte_at(head, 1) == 's' || byte_at(head, 1) == 'd' ||
		byte_at(head, 1) == 'a' || byte_at(head, 1) == 'e');
}

/* The preface of HTTP/2 (RFC 9113 §3.4). */
static __always_inline bool is_http2_start(__u64 head)
{
	return head == BYTES('P', 'R', 'I', ' ', '*', ' ', 'H', 'T');
}

/*
 * A whole header block of HTTP/2, by which a connection is known whose beginning was not seen: a
 * length of up to 16 KiB, the kind HEADERS, END_HEADERS and no flag that there is not, a stream.
 */
static __always_inline bool is_http2_headers(__u64 head)
{
	__u32 len = be16_at(head, 1);
	__u8 flags = byte_at(head, 4);

	return byte_at(head, 0) == 0 && len > 0 && len <= 16384 && byte_at(head, 3) == 1 &&
	       (flags & 4) && !(flags & ~0x2d) && byte_at(head, 5) < 0x80;
}

/* A greeting of MySQL: length, packet 0, protocol 10, a version that begins with a digit. */
static __always_inline bool is_mysql_greeting(__u64 head)
{
	return be16_at(head, 0) != 0 && be16_at(head, 3) == 10 && is_digit(byte_at(head, 5));
}

/*
 * Does a client that has been connected for long ask so? A message of PostgreSQL: a kind, a length
 * below 64 KiB that ends in the piece, of a Query with it. A packet of MySQL: a length that ends
 * with the piece, packet 0, a command; or the header alone, as MariaDB's server reads it.
 */
static __always_inline bool is_older_request(__u64 head, __u32 len)
{
	__u32 bytes = be16_at(head, 3);
	__u8 command = byte_at(head, 4);

	switch (byte_at(head, 0)) {
	case 'Q':
		if (be16_at(head, 1) == 0 && bytes + 1 == len)
			return true;
		break;
	case 'P':
	case 'B':
	case 'D':
	case 'E':
	case 'C':
	case 'F':
	case 'S':
		if (be16_at(head, 1) == 0 && bytes >= 4 && bytes + 1 <= len)
			return true;
	}
	bytes = byte_at(head, 0) | (__u32)byte_at(head, 1) << 8 | (__u32)byte_at(head, 2) << 16;
	if (bytes == 0 || byte_at(head, 3) != 0)
		return false;
	return len == 4 || (bytes + 4 == len && command > 0 && command <= 0x1f);
}

/*
 * Does a connection that one end begins with these bytes speak in messages that may be understood?
 * `whole`: all 8 have come. Before that, numbers of which a part is 0 could be any.
 */
static __always_inline bool is_framed_start(__u64 head, bool whole, bool from_client)
{
	if (!from_client)
		return is_mysql_greeting(head);
	if (is_resp_start(head) || is_http2_start(head) || is_memcached_start(head))
		return true;
	return whole && (is_postgresql_start(head) || is_kafka_start(head) || is_dns_start(head));
}

#endif
