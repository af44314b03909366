/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Of a connection that begins with TLS: both hellos, and 8 bytes of what tells when the handshake
 * was over. Then nothing, for good.
 *
 *     client   ClientHello ──────────── answer ─ …                 the answer is the last thing,
 *     server                ServerHello, … ────── last flight ─ …  unless it is in clear (TLS 1.2)
 *
 *     record   u8 22, u8 3, u8 minor, u16 length │ message   u8 type, u24 length, body
 *     head     the first 8 bytes: all but the last byte of the message's length
 */
#ifndef FLOWSPAN_TLS_HELLO_BPF_H
#define FLOWSPAN_TLS_HELLO_BPF_H

#include "framed_start.bpf.h"
#include "maps.bpf.h"

#define TLS_HANDSHAKE 0x16
#define TLS_CLIENT_HELLO 1
#define TLS_SERVER_HELLO 2
#define TLS_RECORD_HEADER 5
#define TLS_MESSAGE_HEADER 4
#define TLS_HEAD_BYTES 8
/* Headers of more records that a hello may be cut into. */
#define TLS_MORE_RECORDS (16 * TLS_RECORD_HEADER)

/* A TLS handshake record of any version. */
static __always_inline bool is_tls_start(__u64 head)
{
	return (head & 0xffff) == WORD(TLS_HANDSHAKE, 0x03, 0, 0);
}

static __always_inline bool is_hello_start(__u64 head, __u8 type)
{
	return is_tls_start(head) && byte_at(head, TLS_RECORD_HEADER) == type;
}

/* Bytes up to the end of the hello that begins so; of one in several records up to 255 too many. */
static __always_inline __u32 hello_bytes(__u64 head)
{
	__u32 record = be16_at(head, 3);
	__u32 least = be16_at(head, 6) << 8;
	__u32 message = record - TLS_MESSAGE_HEADER;

	/* it fills its record, as hellos of clients do */
	if (record >= TLS_MESSAGE_HEADER && message >= least && message <= (least | 0xff))
		return TLS_RECORD_HEADER + record;
	least = TLS_RECORD_HEADER + TLS_MESSAGE_HEADER + (least | 0xff);
	return record > least ? least : least + TLS_MORE_RECORDS;
}

/* How far to hand a stream over, by as much of its first 8 bytes as is there. */
static __always_inline void begin_hello(struct stream *stream, __u64 first, bool whole,
					__u8 type)
{
	__u32 until = TLS_HEAD_BYTES;

	if (whole && is_hello_start(first, type))
		until = hello_bytes(first);
	stream->capture_until = until < knobs.capture_max ? until : knobs.capture_max;
}

/*
 * How many bytes of a piece behind the hello of its direction to copy. -1: none, and no record
 * either. The client's first record behind both hellos ends the handshake; where that is in clear,
 * the server's next one does.
 */
static __always_inline int behind_hello(struct conn *conn, bool from_client, __u32 len, __u64 head)
{
	__u64 server = conn->frames[conn->role == ROLE_CLIENT ? 0 : 1].first;
	int few = len < TLS_HEAD_BYTES ? len : TLS_HEAD_BYTES;

	if (!from_client) {
		if (!conn->awaits_server)
			return -1;
		conn->verdict = VERDICT_NEVER;
		return few;
	}
	/* data before the server's hello, or more of a flight */
	if (!server || conn->awaits_server)
		return -1;
	if (byte_at(head, 0) == TLS_HANDSHAKE)
		conn->awaits_server = 1;
	else
		conn->verdict = VERDICT_NEVER;
	return few;
}

#endif
