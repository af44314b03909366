/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a connection speaks, as its reader found out by the first bytes, for the reader after it:
 * most protocols cannot be told in the midst of a stream.
 */
#ifndef FLOWSPAN_SPOKEN_EVENTS_H
#define FLOWSPAN_SPOKEN_EVENTS_H

enum spoken_limit { SPOKEN_MAX = 16384, SPOKEN_NAME_MAX = 40 };

/* Written and read by readers alone, at the slot of `want`: whoever comes last has it. */
struct spoken {
	/* 0: nobody's, as while it is being written */
	__u64 conn_id;
	/* by receivers/ebpf/spoken.ts; 0: none */
	__u8 protocol;
	/* requests were sent before the answer to those before had come */
	__u8 pipelines;
	/* of the name */
	__u16 length;
	/* of the protocol's own: what both ends have agreed on */
	__u32 words[2];
	__u32 pad;
	/* a database, a client */
	char name[SPOKEN_NAME_MAX];
};

#endif
