/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What connections speak. No program uses it: it stands in a map, so that it outlives a reader that
 * is killed, and its successor goes on with connections whose beginning it has not seen.
 */
#ifndef FLOWSPAN_SPOKEN_BPF_H
#define FLOWSPAN_SPOKEN_BPF_H

#include "maps.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SPOKEN_MAX);
	__type(key, __u32);
	__type(value, struct spoken);
} spoken SEC(".maps");

#endif
