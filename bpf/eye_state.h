/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the eyes keep of a connection, within struct conn. Transits are microseconds of our clock
 * less the sender's, whose zero is any: only differences mean something, taken as signed 32 bits.
 */
#ifndef FLOWSPAN_EYE_STATE_H
#define FLOWSPAN_EYE_STATE_H

enum eye_clock {
	/* the sender's clock has not been watched for long enough */
	EYE_CLOCK_NEW = 0,
	EYE_CLOCK_GOOD = 1,
	/* it does not tick in milliseconds */
	EYE_CLOCK_ODD = 2,
};

/* A tail loss probe waits for its answer; whether the peer had acknowledged any data. */
enum eye_probing { PROBING_NOT = 0, PROBING_HEARD = 1, PROBING_UNHEARD = 2 };

/* What a value is compared with: the least of this period and of the one before. */
struct base {
	__u64 since_ns;
	__u32 least[2];
};

/* Values that were higher than usual, one after the other. */
struct late {
	/* of the first; 0: the last one was not */
	__u64 since_ns;
	/* when this was told last */
	__u64 told_ns;
	__u32 count;
	__u32 least;
	__u32 most;
	__u32 pad;
};

struct eye {
	__u64 edge_id;
	/* of the first segment, and its transit */
	__u64 first_ns;
	/* of transits */
	struct base base;
	struct late late;
	/* when the edge was given what is new */
	__u64 folded_ns;
	/* the window of jitter, and that of round trips */
	__u64 jitter_ns;
	__u64 rtt_ns;
	__u64 rtt_sum;
	/* of the last event of loss */
	__u64 loss_ns;
	__u32 first_transit;
	__u32 last_transit;
	__u32 jump_sum;
	__u32 jump_most;
	__u32 rtt_samples;
	/* the highest mean of a window's round trips */
	__u32 worst_rtt_us;
	/* tcp_sock.data_segs_out that the edge knows of */
	__u32 segs_out;
	/* dsack_dups when a tail loss probe was sent that waits for its answer */
	__u32 dsacks;
	/* enum eye_probing */
	__u8 probing;
	__u8 clock;
	/* of the window of jitter: segments, at most 0xffff */
	__u16 samples;
	__u16 jumps;
	__u16 pad;
};

#endif
