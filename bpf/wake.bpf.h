/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wakes the rings' reader before they are full (receivers/ebpf/alarm.ts), and when it sleeps as
 * nothing has come for a while; else it looks by the clock. A wake-up for each record would cost
 * both sides more than the record.
 */
#ifndef FLOWSPAN_WAKE_BPF_H
#define FLOWSPAN_WAKE_BPF_H

#include "booked.bpf.h"
#include "maps.bpf.h"

/* A record's header, and what it is rounded up to (kernel/bpf/ringbuf.c). */
#define IN_RING(len) (((__u64)(len) + 8 + 7) & ~7ULL)

/*
 * Whether the reader sleeps: it is woken once. Not for a record whose program had read this when
 * the reader said so: that looks once more before it sleeps.
 */
static __always_inline bool is_reader_asleep(void)
{
	__u32 word = BOOKED_ASLEEP;
	volatile __u64 *asleep = bpf_map_lookup_elem(&booked, &word);

	if (!asleep || likely(!*asleep))
		return false;
	*asleep = 0;
	return true;
}

/*
 * For the record, of `len` bytes in the ring, by which the ring has become another eighth full:
 * `filled` is what is in it then. Two CPUs may each take the other's record for the one; then it is
 * the next eighth.
 */
static __always_inline __u64 wake_at(__u64 ring_bytes, __u64 filled, __u64 len)
{
	if (is_reader_asleep())
		return BPF_RB_FORCE_WAKEUP;
	return (filled & ((ring_bytes >> 3) - 1)) < len ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Of a record that has its room in the ring. */
static __always_inline __u64 wake_flags(void *ring, __u64 len)
{
	__u64 ring_bytes = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);

	return wake_at(ring_bytes, bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA), IN_RING(len));
}

/* Eighths of the ring "payload" that were full when that was asked last. */
static volatile __u32 eighths_full;

/*
 * Of one that is to come, in the ring that most are for. To ask how full that is takes 20 ns, cold
 * 150: each program asks on each CPU when it has put in another 512th, of which `unasked` is what
 * it has so far.
 */
static __always_inline __u64 wake_flags_ahead(__u32 *unasked, __u64 len)
{
	bool is_fuller;
	__u32 full;

	*unasked += IN_RING(len);
	if (is_reader_asleep())
		return BPF_RB_FORCE_WAKEUP;
	if (likely(*unasked < knobs.payload_bytes >> 9))
		return BPF_RB_NO_WAKEUP;
	*unasked = 0;
	full = (bpf_ringbuf_query(&payload, BPF_RB_AVAIL_DATA) + IN_RING(len)) /
	       (knobs.payload_bytes >> 3);
	if (full == eighths_full)
		return BPF_RB_NO_WAKEUP;
	is_fuller = full > eighths_full;
	eighths_full = full;
	return is_fuller ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
