/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When what takes longer than usual is a delay: all of 60 ms were late, and six at least. A host
 * that stalls makes what comes late too, but it comes at once when the host goes on.
 */
#ifndef FLOWSPAN_LATENESS_BPF_H
#define FLOWSPAN_LATENESS_BPF_H

#include "edge.bpf.h"

#define NS_PER_MS 1000000ULL

/*
 * Two clocks drift apart by up to 100 ppm: 2 ms in a period. The least of one to two periods is
 * what is usual; who said nothing for that long begins anew.
 */
#define BASE_NS (20 * NS_PER_SEC)
/* What has lasted this long is no episode any more. */
#define LATE_MAX_NS (300 * NS_PER_SEC)

#define LATE_COUNT 6
#define LATE_NS (60 * NS_PER_MS)
#define TELL_NS (100 * NS_PER_MS)

static __always_inline void begin_base(struct base *base, __u32 value, __u64 now)
{
	base->least[0] = value;
	base->least[1] = value;
	base->since_ns = now;
}

static __always_inline bool is_told(const struct late *late)
{
	return late->since_ns && late->told_ns >= late->since_ns;
}

/* How much more than usual the value is, in microseconds; the usual is learnt by it. */
static __always_inline __u32 added_to(struct base *base, const struct late *late, __u32 value,
				      __u64 now)
{
	__u32 least;

	if (is_told(late) ? now - late->since_ns >= LATE_MAX_NS : now - base->since_ns >= BASE_NS) {
		base->least[1] = base->least[0];
		base->least[0] = value;
		base->since_ns = now;
	} else if ((__s32)(value - base->least[0]) < 0) {
		base->least[0] = value;
	}
	least = (__s32)(base->least[1] - base->least[0]) < 0 ? base->least[1] : base->least[0];
	return value - least;
}

/* What was told of goes on until half of it is gone. */
static __always_inline bool is_late(const struct late *late, __u32 added)
{
	return added >= (is_told(late) ? knobs.eye.delay_us / 2 : knobs.eye.delay_us);
}

static __always_inline void add_late(struct late *late, __u32 added, __u64 now)
{
	if (!late->since_ns) {
		late->since_ns = now;
		late->count = 0;
		late->least = ~0U;
		late->most = 0;
	}
	late->count++;
	if (added < late->least)
		late->least = added;
	if (added > late->most)
		late->most = added;
}

static __always_inline bool has_lasted(__u64 count, __u64 since_ns, __u64 now)
{
	return count >= LATE_COUNT && now - since_ns >= LATE_NS;
}

static __always_inline void tell_delay(struct conn *conn, const struct tcp_sock *tp,
				       struct edge *edge, struct late *late, __u64 now)
{
	struct eye_record *record;

	if (now - late->told_ns < TELL_NS || !may_tell(edge, EYE_DELAY, now))
		return;
	record = eye_record(conn, tp, edge, EYE_DELAY);
	if (!record)
		return;
	late->told_ns = now;
	record->time_ns = now;
	record->since_ns = late->since_ns;
	record->least_us = late->least;
	record->most_us = late->most;
	record->samples = late->count;
	/* the next record is of what comes from here on */
	late->least = ~0U;
	late->most = 0;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

#endif
