/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that the kernel hands to user space. Decoders are generated from these structs by
 * tools/btf2ts.ts; a change here needs `npm run gen`.
 *
 * Every field is aligned and every gap is a named, zeroed field, because user space reads the
 * records in place. Times are nanoseconds of CLOCK_MONOTONIC (bpf_ktime_get_ns). Addresses are
 * 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Ports are in host order.
 */
#ifndef FLOWSPAN_EVENTS_H
#define FLOWSPAN_EVENTS_H

#include "identity_events.h"

#define COMM_LEN 16

#include "eye_events.h"
#include "spoken_events.h"
#include "udp_events.h"
#include "selection_rules.h"

enum record_type {
	RECORD_CONNECTION = 1,
	RECORD_PAYLOAD = 2,
	RECORD_LISTENER = 3,
	/* identity_events.h */
	RECORD_CGROUP = 16,
	RECORD_PROCESS = 17,
	/* udp_events.h */
	RECORD_UDP = 4,
	RECORD_DATAGRAM = 5,
	/* eye_events.h */
	RECORD_EYE = 6,
};

/* As ROW_STATES, ROLES and CLOSE_REASONS in pipeline/flows/schema.ts. */
enum conn_state { CONN_OPEN = 0, CONN_INTERIM = 1, CONN_CLOSED = 2 };
enum conn_role { ROLE_CLIENT = 0, ROLE_SERVER = 1 };
enum close_reason {
	CLOSE_NONE = 0,
	CLOSE_FIN = 1,
	CLOSE_RST_SENT = 2,
	CLOSE_RST_RECEIVED = 3,
	CLOSE_TIMEOUT = 4,
	CLOSE_REFUSED = 5,
	CLOSE_UNREACHABLE = 6,
	CLOSE_ABORTED = 7,
	/* of UDP: nothing has come for a while; the socket was closed */
	CLOSE_IDLE = 8,
	CLOSE_RELEASED = 9,
};

enum direction { DIRECTION_RECEIVED = 0, DIRECTION_SENT = 1 };

enum conn_flag {
	/* flow_id is made from addresses, ports and start: there is no pair of ISNs */
	CONN_ID_LOCAL = 1,
	/* open before the programs were attached: when it began is not known */
	CONN_OLDER = 2,
};

enum payload_flag {
	/* user memory could not be read: len is known, the bytes are not */
	PAYLOAD_FAULT = 1,
	/* bytes that an earlier piece brought (MSG_PEEK), taken now; only the thread is news */
	PAYLOAD_AGAIN = 2,
};

/*
 * What TCP did and what held it up, cumulative; `_since` the connection's record before. Times by
 * tcp_sock.chrono_stat, as tcp_info has them: to the length of a jiffy.
 */
struct conn_figures {
	__u64 sent_since;
	__u64 received_since;
	/* data sent or waiting to be; of that, for the peer's window, and for the send buffer */
	__u64 busy_us;
	__u64 rwnd_limited_us;
	__u64 sndbuf_limited_us;
	__u64 busy_since_us;
	__u64 rwnd_limited_since_us;
	__u64 sndbuf_limited_since_us;
	/* bytes a second */
	__u64 delivery_rate;
	__u32 retrans_since;
	/* packets that the kernel dropped at this end; why most of them, by enum skb_drop_reason */
	__u32 drops;
	__u32 drops_since;
	__u32 drop_reason;
	__u32 reord_seen;
	__u32 dsack_dups;
	__u32 delivered_ce;
	/* how long ago: never is since it was established */
	__u32 last_sent_ms;
	__u32 last_received_ms;
	/* the highest mean of round trips in 100 ms, if the eyes are open */
	__u32 worst_rtt_us;
};

/* A connection was established, is open, or has ended. */
struct conn_record {
	__u8 type;
	__u8 state;
	__u8 role;
	__u8 close_reason;
	__u8 flags;
	__u8 pad[3];
	/* unique while the kernel runs; the same in the socket's payload records */
	__u64 conn_id;
	__u64 flow_id;
	/* start: SYN sent (client), SYN taken (server). 0: not known, or did not happen */
	__u64 start_ns;
	__u64 established_ns;
	/* closed; of an interim record when it was made */
	__u64 end_ns;
	__u64 cgroup_id;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 netns;
	/* of connect(), or of the first read or write; tid is of connect() alone */
	__u32 pid;
	__u32 tid;
	__u32 isn_client;
	__u32 isn_server;
	__u32 segs_out;
	__u32 segs_in;
	__u32 retrans;
	__u32 syn_retries;
	__u32 lost;
	/* 0: no sample */
	__u32 srtt_us;
	__u32 rttvar_us;
	__u32 min_rtt_us;
	/* how often the thread that called connect() had slept by then: see payload_record */
	__u32 sleeps;
	__u32 pad2;
	__u16 local_port;
	__u16 remote_port;
	struct conn_figures figures;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
};

/*
 * A listening socket that had no room, or whose SYN-ACKs nobody answered: cumulative since it was
 * first seen, and `_since` its record before.
 */
struct listener_record {
	__u8 type;
	/* CONN_INTERIM, or CONN_CLOSED: it listens no more */
	__u8 state;
	__u16 local_port;
	__u32 netns;
	__u64 cgroup_id;
	__u64 time_ns;
	/* of listen() */
	__u32 pid;
	/* SYNs and last ACKs of handshakes that were dropped: sock.sk_drops */
	__u32 drops;
	__u32 drops_since;
	__u32 synack_retries;
	__u32 synack_retries_since;
	/* connections that wait for accept(), and how many may */
	__u32 accept_queue;
	__u32 accept_queue_max;
	__u32 pad;
	__u8 local_addr[16];
	char comm[COMM_LEN];
};

/*
 * A piece of one direction of a stream, in stream order. `captured` bytes of it follow the struct:
 * all of a short piece, the beginning of a long one that may hold a message's head, else none.
 */
struct payload_record {
	__u8 type;
	__u8 direction;
	__u8 role;
	__u8 flags;
	/* bytes in the piece, and how many of them follow */
	__u32 len;
	__u32 captured;
	__u32 pid;
	/* the thread that read or wrote */
	__u32 tid;
	/* the connection at this moment */
	__u32 srtt_us;
	__u32 min_rtt_us;
	__u32 retrans;
	/*
	 * how often the thread had given up its CPU by itself (task_struct.nvcsw): equal in two
	 * pieces of a thread, it waited for nothing between them
	 */
	__u32 sleeps;
	/*
	 * bytes of the piece before those that follow, those of pieces that were withheld among
	 * them; with it `captured` is at most len
	 */
	__u32 skipped;
	__u64 conn_id;
	/* position of the piece's first byte in its direction's stream, from 0 */
	__u64 offset;
	__u64 time_ns;
	/* the last bytes of the piece, right-aligned, so that a chunked body's end can be seen */
	__u8 tail[8];
	/* of the connection's process (its first thread), as in conn_record */
	char comm[COMM_LEN];
};

/*
 * Counters in an array map that user space maps read-only: one __u64 an index. What is in must be
 * out or lost: events_x = records_x + lost_x.
 */
enum counter {
	COUNTER_CONN_EVENTS = 0,
	COUNTER_CONN_LOST_RING = 1,
	COUNTER_PAYLOAD_EVENTS = 2,
	COUNTER_PAYLOAD_LOST_RING = 3,
	/* the socket's state could not be stored: its connection is not followed */
	COUNTER_CONN_LOST_STORAGE = 4,
	/* connections of flowspan itself, left out */
	COUNTER_CONN_OWN = 5,
	COUNTER_PAYLOAD_FAULT = 6,
	/*
	 * runs that the kernel skipped because the program was already running on that CPU; written
	 * by the keeper from the programs' recursion_misses
	 */
	COUNTER_CONN_MISSED = 7,
	COUNTER_PAYLOAD_MISSED = 8,
	/* interim records that were put off, as the ring was half full */
	COUNTER_INTERIM_PUT_OFF = 9,
	/* connections older than the programs: found, and met when they were first read or written */
	COUNTER_OLDER_FOUND = 10,
	COUNTER_OLDER_MET = 11,
	/* of those found, held by several processes: whose they are is not known before they are used */
	COUNTER_OLDER_SHARED = 12,
	/* waiting for accept() when the programs came: they are met, or not seen at all */
	COUNTER_OLDER_QUEUED = 13,
	/* MPTCP, whose subflows have no file to be found by */
	COUNTER_OLDER_MPTCP = 14,
	/* events of listeners that did not fit */
	COUNTER_LISTENER_LOST_RING = 15,
	COUNTER_LISTENER_EVENTS = 16,
	/* records of cgroups and processes, and those that did not fit: they are tried again */
	COUNTER_IDENTITY_EVENTS = 64,
	COUNTER_IDENTITY_LOST_RING = 65,
	/* flows of UDP: records of them, and those that did not fit */
	COUNTER_UDP_EVENTS = 32,
	COUNTER_UDP_LOST_RING = 33,
	/* datagrams that are counted nowhere: there was no room for another flow */
	COUNTER_UDP_LOST_FLOWS = 34,
	/* the same: their headers could not be read */
	COUNTER_UDP_LOST_HEADERS = 35,
	/* flows of flowspan itself, left out */
	COUNTER_UDP_OWN = 36,
	/* connections and flows of UDP that the selection leaves out, as they begin */
	COUNTER_CONN_UNSELECTED = 48,
	COUNTER_UDP_UNSELECTED = 49,
	/* sockets that found no room for a mark: that flowspan listens here, or who sends by it */
	COUNTER_MARKS_LOST_STORAGE = 50,
	/* signs of delay, jitter and loss, and those that did not fit */
	COUNTER_EYE_EVENTS = 96,
	COUNTER_EYE_LOST_RING = 97,
	/* segments whose edge found no room: nothing is told of them */
	COUNTER_EDGES_FULL = 98,
	/* packets dropped, by enum skb_drop_reason; the last is all that are beyond */
	COUNTER_DROPS = 256,
	COUNTER_DROPS_OTHER = 511,
	COUNTER_MAX = 512,
};

/*
 * The first counters are counted by CPU, a cache line each, behind all counters: such a one is the
 * sum of its own slot and of those of all CPUs. CPUs beyond share slots.
 */
enum counter_slots { COUNTERS_BY_CPU = 8, COUNTER_CPUS = 128, COUNTER_SLOTS = 1536 };
_Static_assert(COUNTER_SLOTS == COUNTER_MAX + COUNTERS_BY_CPU * COUNTER_CPUS, "behind all");

/*
 * Of the array `booked`, which the reader writes: first what it has booked of each counter, then
 * these.
 */
enum booked {
	/* records and rows that the reader had taken and not handed on, as of its last look */
	BOOKED_HELD = COUNTER_MAX,
	/* not 0: the reader sleeps until it is woken for the next record, which makes it 0 */
	BOOKED_ASLEEP = COUNTER_MAX + 1,
	BOOKED_MAX = 1024,
};

/* The most that may be asked for by knobs.capture_max and capture_small. */
enum capture_limit { CAPTURE_MAX = 8192 };

/*
 * What the reader wants of one connection next. The reader writes it in place, without a system
 * call and a capability, in the array `wants` at want_slot(conn_id) of maps.bpf.h: whoever comes
 * last has the slot, and the connection that had it before is handed over as if nothing had been
 * said. Whatever stands here, the worst is that a connection's bytes are not copied.
 */
struct want {
	/* 0: nobody's, as while it is being written */
	__u64 conn_id;
	/*
	 * by enum direction: bytes before this position are not wanted, nor records of pieces that
	 * end before it; WANT_NOTHING in both: none are, ever again
	 */
	__u64 from[2];
	/* of a longer piece, how many bytes from there on; less than capture_small is that */
	__u32 bytes[2];
};

enum want_limit { WANTS_MAX = 16384 };

#define WANT_NOTHING (~0ULL)

/* What the loader sets before the programs are verified. */
struct knobs {
	/* a piece of up to this many bytes comes whole */
	__u32 capture_small;
	/* this many bytes come from where an HTTP/1 message seems to begin */
	__u32 capture_max;
	/* the kernel's tick */
	__u32 jiffy_us;
	/* the size of the ring "payload" */
	__u32 payload_bytes;
	/* an open connection has a record so often, at most */
	__u64 interim_ns;
	struct udp_knobs udp;
	struct eye_knobs eye;
};

#endif
