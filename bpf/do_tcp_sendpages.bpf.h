/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages that a process sends without having them in its memory (sendfile, splice), before Linux
 * 6.5: from then on they come by tcp_sendmsg_locked() like everything else. Their bytes are not
 * read, but their length keeps the stream whole.
 */
#ifndef FLOWSPAN_DO_TCP_SENDPAGES_BPF_H
#define FLOWSPAN_DO_TCP_SENDPAGES_BPF_H

#include "tcp_sendmsg_locked.bpf.h"

static __always_inline void take_pages(const struct writing *writing, struct piece *piece)
{
	__u32 key = DIRECTION_SENT;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
	struct source nothing = {};

	if (!scratch)
		return;
	begin_records(scratch, writing->conn, writing->tp, DIRECTION_SENT);
	if (is_interleaved(writing->conn)) {
		report_frames(writing->conn, scratch, &nothing, piece);
		return;
	}
	if (!look(writing->conn, piece) || wanted(writing->conn, piece, 0) < 0)
		return;
	piece->len += piece->end;
	piece->captured = 0;
	piece->skipped = 0;
	__builtin_memset(scratch->record.tail, 0, EDGE_BYTES);
	if (!needs_telling(writing->conn, writing->tp, scratch, piece))
		return;
	report_payload(writing->conn, scratch, piece);
}

SEC("fentry/do_tcp_sendpages")
int BPF_PROG(sent_pages, struct sock *sk, struct page *page, int offset, size_t size)
{
	struct piece piece = { .direction = DIRECTION_SENT };
	struct writing writing;

	if (find_writing(sk, size, &writing, &piece))
		take_pages(&writing, &piece);
	return 0;
}

#endif
