/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the reader has put into its books: it stands in a map, so that it outlives a reader that is
 * killed, and its successor goes on from there. Programs use BOOKED_ASLEEP alone (wake.bpf.h).
 */
#ifndef FLOWSPAN_BOOKED_BPF_H
#define FLOWSPAN_BOOKED_BPF_H

#include "maps.bpf.h"

/* By enum counter: what of it the reader has booked; behind them by enum booked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BOOKED_MAX);
	__type(key, __u32);
	__type(value, __u64);
} booked SEC(".maps");

#endif
