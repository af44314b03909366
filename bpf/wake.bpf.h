/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wakes the rings' reader before they are full (receivers/ebpf/alarm.ts); else it looks by the
 * clock. A wake-up for each record would cost both sides more than the record.
 */
#ifndef FLOWSPAN_WAKE_BPF_H
#define FLOWSPAN_WAKE_BPF_H

#include "maps.bpf.h"

/*
 * A reader is woken while the ring becomes an eighth full: by the records of a 64th of the ring, so
 * that one is among them whatever other CPUs write meanwhile, and those behind them cost nothing.
 */
static __always_inline __u64 wake_flags(void *ring)
{
	__u64 size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
	__u64 over = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) - (size >> 3);

	return over < (size >> 6) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
