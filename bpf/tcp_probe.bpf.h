/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every segment that an established connection receives, before TCP looks at it.
 *
 *     transit = our clock at the segment's arrival − the sender's clock in its timestamp (TSval)
 *
 * The sender's kernel writes TSval as it hands the segment down. What a process or a delayed ACK
 * takes its time for is therefore not in it, as it is in every round trip: a transit that grows
 * is the network's, or the softirq's. Each end sees the way to itself; the other end, or its host,
 * the way back. A segment without a timestamp tells nothing.
 */
#ifndef FLOWSPAN_TCP_PROBE_BPF_H
#define FLOWSPAN_TCP_PROBE_BPF_H

#include "lateness.bpf.h"
#include "tcp_retransmit_skb.bpf.h"

/* A clock is watched for so long before it is believed: RFC 7323 allows ticks of 1 ms to 1 s. */
#define CLOCK_NS NS_PER_SEC
#define CLOCK_ERROR_SHARE 8

#define JITTER_NS (50 * NS_PER_MS)
#define JITTER_SEGMENTS 6
#define RTT_NS (100 * NS_PER_MS)

/* NOP, NOP, timestamp, 10 bytes: where all that matter put it (RFC 7323, appendix A). */
#define TIMESTAMP_OPTION 0x0101080a
#define TCP_HEADER_BYTES 20

struct timestamp_option {
	__u32 head;
	__u32 value;
};

static __always_inline bool read_transit(const struct tcp_sock *tp, const struct sk_buff *skb,
					 __u64 now, __u32 *transit)
{
	struct timestamp_option option;
	__u32 value;

	if (!BPF_CORE_READ_BITFIELD(tp, rx_opt.tstamp_ok))
		return false;
	if (bpf_probe_read_kernel(&option, sizeof(option),
				  skb->head + skb->transport_header + TCP_HEADER_BYTES) ||
	    option.head != bpf_htonl(TIMESTAMP_OPTION))
		return false;
	value = bpf_ntohl(option.value);
	if (!get_usec_timestamps(tp))
		value *= 1000;
	*transit = (__u32)(now / 1000) - value;
	return true;
}

static __always_inline void begin_transits(struct eye *eye, __u32 transit, __u64 now)
{
	begin_base(&eye->base, transit, now);
	eye->last_transit = transit;
	eye->late.since_ns = 0;
}

/* Whether the sender's clock ticks as it should. */
static __always_inline bool watch_clock(struct eye *eye, __u32 transit, __u64 now)
{
	__s32 error_us = transit - eye->first_transit;
	__u64 elapsed_us = (now - eye->first_ns) / 1000;

	if (now - eye->first_ns < CLOCK_NS)
		return false;
	if (error_us < 0)
		error_us = -error_us;
	eye->clock = (__u64)error_us * CLOCK_ERROR_SHARE < elapsed_us ? EYE_CLOCK_GOOD :
									EYE_CLOCK_ODD;
	return eye->clock == EYE_CLOCK_GOOD;
}

/* How much longer than usual the segment took. false: nothing can be said. */
static __always_inline bool compare(struct eye *eye, __u32 transit, __u64 now, __u32 *added)
{
	if (!eye->first_ns) {
		eye->first_ns = now;
		eye->first_transit = transit;
		begin_transits(eye, transit, now);
	}
	if (now - eye->base.since_ns >= 2 * BASE_NS && !is_told(&eye->late))
		begin_transits(eye, transit, now);
	*added = added_to(&eye->base, &eye->late, transit, now);
	return eye->clock == EYE_CLOCK_GOOD ||
	       (eye->clock != EYE_CLOCK_ODD && watch_clock(eye, transit, now));
}

static __always_inline void look_late(struct conn *conn, const struct tcp_sock *tp,
				      struct edge *edge, __u32 added, __u64 now)
{
	struct late *late = &conn->eye.late;

	add_late(late, added, now);
	__sync_fetch_and_add(&edge->late, 1);
	if (has_lasted(late->count, late->since_ns, now) ||
	    has_lasted(edge->late, edge->calm_ns, now))
		tell_delay(conn, tp, edge, late, now);
}

static __always_inline void tell_jitter(struct conn *conn, const struct tcp_sock *tp,
					struct edge *edge, __u64 now)
{
	struct eye *eye = &conn->eye;
	struct eye_record *record;

	if (!may_tell(edge, EYE_JITTER, now))
		return;
	record = eye_record(conn, tp, edge, EYE_JITTER);
	if (!record)
		return;
	record->time_ns = now;
	record->since_ns = eye->jitter_ns;
	record->least_us = eye->jump_sum / eye->samples;
	record->most_us = eye->jump_most;
	record->samples = eye->samples;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/*
 * Differences of transits from segment to segment, as RFC 3550 has jitter. A stall makes one or two
 * that are large; jitter is where two in five are.
 */
static __always_inline void watch_jitter(struct conn *conn, const struct tcp_sock *tp,
					 struct edge *edge, __u32 transit, __u64 now)
{
	struct eye *eye = &conn->eye;
	__s32 difference = transit - eye->last_transit;
	__u32 jump = difference < 0 ? -difference : difference;

	if (now - eye->jitter_ns >= JITTER_NS) {
		if (edge && eye->samples >= JITTER_SEGMENTS && eye->jumps * 5 >= eye->samples * 2)
			tell_jitter(conn, tp, edge, now);
		eye->jitter_ns = now;
		eye->samples = 0;
		eye->jumps = 0;
		eye->jump_sum = 0;
		eye->jump_most = 0;
	}
	eye->last_transit = transit;
	if (eye->samples == 0xffff)
		return;
	eye->samples++;
	eye->jump_sum += jump;
	if (jump > eye->jump_most)
		eye->jump_most = jump;
	if (jump >= knobs.eye.jitter_us)
		eye->jumps++;
}

/* Round trips as TCP last measured them: with what a peer waited before it acknowledged. */
static __always_inline void watch_rtt(struct eye *eye, const struct tcp_sock *tp, __u64 now)
{
	__u32 mean_us;

	if (now - eye->rtt_ns >= RTT_NS) {
		mean_us = eye->rtt_samples ? eye->rtt_sum / eye->rtt_samples : 0;
		if (mean_us > eye->worst_rtt_us)
			eye->worst_rtt_us = mean_us;
		eye->rtt_ns = now;
		eye->rtt_sum = 0;
		eye->rtt_samples = 0;
	}
	if (!tp->rack.rtt_us)
		return;
	eye->rtt_sum += tp->rack.rtt_us;
	eye->rtt_samples++;
}

/* A tail loss probe was answered, without word of a segment that came twice: it was lost. */
static __always_inline bool is_lost(struct eye *eye, const struct tcp_sock *tp)
{
	if (tp->tlp_high_seq)
		return false;
	eye->probing = PROBING_NOT;
	return tp->dsack_dups == eye->dsacks;
}

static __always_inline void watch(struct conn *conn, const struct tcp_sock *tp,
				 const struct sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	struct eye *eye = &conn->eye;
	struct edge *edge = NULL;
	__u32 transit;
	__u32 added;
	bool is_heard;

	watch_rtt(eye, tp, now);
	if (now - eye->folded_ns >= FOLD_NS || eye->late.since_ns || eye->probing) {
		edge = edge_of(conn, now);
		if (!edge)
			return;
		fold(conn, tp, edge, now);
		is_heard = eye->probing == PROBING_HEARD;
		if (eye->probing && is_lost(eye, tp))
			lost_by_timer(conn, tp, edge, is_heard, now);
	}
	if (!read_transit(tp, skb, now, &transit) || !compare(eye, transit, now, &added))
		return;
	watch_jitter(conn, tp, edge, transit, now);
	if (!is_late(&eye->late, added)) {
		eye->late.since_ns = 0;
		if (edge) {
			edge->calm_ns = now;
			edge->late = 0;
		}
		return;
	}
	if (!edge)
		edge = edge_of(conn, now);
	if (edge)
		look_late(conn, tp, edge, added, now);
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(segment_came, struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *conn;

	if (!tp)
		return 0;
	conn = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (conn && conn->established_ns && !conn->own)
		watch(conn, tp, skb);
	return 0;
}

#endif
