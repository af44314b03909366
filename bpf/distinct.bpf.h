/* SPDX-License-Identifier: GPL-2.0 */
/*
 * No two counters have one number, nor two kinds of records: clang refuses a case that was there
 * before ("duplicate case value"), and one that is missing here (-Wswitch, an error). Two changes
 * that each take the next free number merge without a conflict otherwise.
 */
#ifndef FLOWSPAN_DISTINCT_BPF_H
#define FLOWSPAN_DISTINCT_BPF_H

#include "events.h"

static inline void counters_are_distinct(enum counter counter)
{
	switch (counter) {
	case COUNTER_CONN_EVENTS:
	case COUNTER_CONN_LOST_RING:
	case COUNTER_PAYLOAD_EVENTS:
	case COUNTER_PAYLOAD_LOST_RING:
	case COUNTER_CONN_LOST_STORAGE:
	case COUNTER_CONN_OWN:
	case COUNTER_PAYLOAD_FAULT:
	case COUNTER_CONN_MISSED:
	case COUNTER_PAYLOAD_MISSED:
	case COUNTER_INTERIM_PUT_OFF:
	case COUNTER_OLDER_FOUND:
	case COUNTER_OLDER_MET:
	case COUNTER_OLDER_SHARED:
	case COUNTER_OLDER_QUEUED:
	case COUNTER_OLDER_MPTCP:
	case COUNTER_LISTENER_LOST_RING:
	case COUNTER_LISTENER_EVENTS:
	case COUNTER_IDENTITY_EVENTS:
	case COUNTER_IDENTITY_LOST_RING:
	case COUNTER_UDP_EVENTS:
	case COUNTER_UDP_LOST_RING:
	case COUNTER_UDP_LOST_FLOWS:
	case COUNTER_UDP_LOST_HEADERS:
	case COUNTER_UDP_OWN:
	case COUNTER_CONN_UNSELECTED:
	case COUNTER_UDP_UNSELECTED:
	case COUNTER_MARKS_LOST_STORAGE:
	case COUNTER_EYE_EVENTS:
	case COUNTER_EYE_LOST_RING:
	case COUNTER_EDGES_FULL:
	case COUNTER_MAX:
	case COUNTER_DROPS ... COUNTER_DROPS_OTHER:
		break;
	}
}

static inline void record_types_are_distinct(enum record_type type)
{
	switch (type) {
	case RECORD_CONNECTION:
	case RECORD_PAYLOAD:
	case RECORD_LISTENER:
	case RECORD_CGROUP:
	case RECORD_PROCESS:
	case RECORD_UDP:
	case RECORD_DATAGRAM:
	case RECORD_EYE:
		break;
	}
}

#endif
