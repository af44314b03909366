/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looks over the flows of UDP: the keeper runs it every second, or every three while that is for
 * nothing. Tells of those that nobody knows of
 * yet, again of those that go on, and ends those whose socket was closed or that are idle.
 */
#ifndef FLOWSPAN_UDP_SWEEP_BPF_H
#define FLOWSPAN_UDP_SWEEP_BPF_H

#include "udp_count.bpf.h"

/* Longer than a sweep. */
#define RELEASED_NS 2000000000ULL

struct sweeping {
	__u64 now;
	/* when the first flow will be due that nothing comes for */
	__u64 due;
	__u32 again;
	/* the rest waits for the next sweep */
	__u32 stopped;
};

/* The reader is to have room for connections of TCP, which wait for nobody. */
static __always_inline bool is_half_full(void)
{
	return bpf_ringbuf_query(&connections, BPF_RB_AVAIL_DATA) >
	       bpf_ringbuf_query(&connections, BPF_RB_RING_SIZE) / 2;
}

/* Tells of a flow that goes on, if it is time to. */
static __always_inline void tell_flow(struct udp_flow *flow, const struct sweeping *sweeping)
{
	__u64 told = flow->told_ns;

	if (!told) {
		flow->told_ns = sweeping->now;
		report_udp(flow, CONN_OPEN, CLOSE_NONE, 0);
	} else if (sweeping->again ||
	    (knobs.interim_ns && flow->last_ns > told &&
	     sweeping->now - told >= knobs.interim_ns)) {
		flow->told_ns = sweeping->now;
		report_udp(flow, CONN_INTERIM, CLOSE_NONE, 0);
	}
}

/* Of a flow that stays. Once its next record is due, a datagram says so (count_datagram). */
static __always_inline void note_due(const struct udp_flow *flow, struct sweeping *sweeping)
{
	__u64 idle = flow->last_ns + knobs.udp.idle_ns;
	__u64 record = flow->told_ns + knobs.interim_ns;

	if (idle < sweeping->due)
		sweeping->due = idle;
	if (flow->told_ns && knobs.interim_ns && record > sweeping->now && record < sweeping->due)
		sweeping->due = record;
}

static long sweep_flow(void *map, struct udp_key *key, struct udp_flow *flow,
		       struct sweeping *sweeping)
{
	__u64 *released = bpf_map_lookup_elem(&udp_released, &key->cookie);
	__u64 last = flow->last_ns;
	/* a datagram may have come after this sweep began */
	bool idle = sweeping->now > last && sweeping->now - last >= knobs.udp.idle_ns;

	if (is_half_full()) {
		sweeping->stopped = 1;
		return 1;
	}
	if (flow->unselected && flow->told_ns) {
		/* not wanted any more: it ends for its reader, without a reason */
		report_udp(flow, CONN_CLOSED, CLOSE_NONE, last);
		flow->told_ns = 0;
	}
	if (!released && !idle) {
		if (is_reported(flow))
			tell_flow(flow, sweeping);
		note_due(flow, sweeping);
		return 0;
	}
	if (is_reported(flow))
		report_udp(flow, CONN_CLOSED, released ? CLOSE_RELEASED : CLOSE_IDLE,
			   released ? *released : last);
	bpf_map_delete_elem(&udp_flows, key);
	return 0;
}

static long forget(void *map, __u64 *cookie, __u64 *released, struct sweeping *sweeping)
{
	/* one that was closed while a sweep went on may have flows that it had passed */
	if (*released + RELEASED_NS < sweeping->now)
		bpf_map_delete_elem(&udp_released, cookie);
	else
		note_udp_news();
	return 0;
}

/* 0: there was nothing to look for. */
SEC("syscall")
int sweep_udp(struct sweep *sweep)
{
	struct sweeping sweeping = {
		.now = bpf_ktime_get_ns(),
		.due = ~0ULL,
		.again = sweep->again,
	};

	if (!udp_news && !sweep->again && sweeping.now < udp_due_ns)
		return 0;
	udp_news = 0;
	bpf_for_each_map_elem(&udp_flows, sweep_flow, &sweeping, 0);
	if (sweeping.stopped)
		note_udp_news();
	else
		bpf_for_each_map_elem(&udp_released, forget, &sweeping, 0);
	udp_due_ns = sweeping.due;
	return 1;
}

#endif
