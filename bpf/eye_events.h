/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is told of delay, jitter and loss while it lasts, as events.h has connections.
 */
#ifndef FLOWSPAN_EYE_EVENTS_H
#define FLOWSPAN_EYE_EVENTS_H

/* As EPISODE_KINDS in pipeline/flows/schema.ts. */
enum eye_sign { EYE_DELAY = 1, EYE_JITTER = 2, EYE_LOSS = 3, EYE_UNANSWERED = 4, EYE_SIGNS };

/* Part of struct knobs. */
struct eye_knobs {
	/* segments that take so much longer than before are delayed */
	__u32 delay_us;
	/* one that takes so much more or less than the one before it is out of step */
	__u32 jitter_us;
};

/*
 * A sign of delay, jitter or loss on an edge: all connections between two addresses and one
 * server's port, at one end. Only what is remarkable is told, of an edge once in 5 ms.
 */
struct eye_record {
	__u8 type;
	/* enum eye_sign, enum conn_role */
	__u8 sign;
	__u8 role;
	__u8 flags;
	__u32 netns;
	__u64 edge_id;
	/* the connection that shows it */
	__u64 flow_id;
	__u64 cgroup_id;
	__u64 time_ns;
	/* delay: the first segment since which all were late; jitter: begin of the window; loss: now */
	__u64 since_ns;
	/*
	 * of the edge, so far: data segments sent, loss events, segments sent again; of what is
	 * unanswered: SYNs sent, events of no answer
	 */
	__u64 segs_out;
	__u64 losses;
	__u64 retrans;
	/* delay: least and most of what was added; jitter: mean and most of the differences */
	__u32 least_us;
	__u32 most_us;
	/* segments it is told from */
	__u32 samples;
	__u32 srtt_us;
	__u32 min_rtt_us;
	__u32 pid;
	__u16 local_port;
	__u16 remote_port;
	__u32 pad;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
};

#endif
