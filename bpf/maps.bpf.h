/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All maps, and what is kept of a connection between its events.
 */
#ifndef FLOWSPAN_MAPS_BPF_H
#define FLOWSPAN_MAPS_BPF_H

#include "events.h"
#include "eye_state.h"

/* What mostly happens stands in one stretch: code that has gone cold is fetched line by line. */
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* What a connection speaks, as far as payload is concerned. */
enum verdict {
	VERDICT_UNDECIDED = 0,
	/* HTTP/1: heads are looked for */
	VERDICT_HTTP = 1,
	/* nothing that is of use */
	VERDICT_NEVER = 2,
	/* short messages of a protocol that user space tells: the beginning of every piece */
	VERDICT_FRAMED = 3,
	/* TLS: its hellos */
	VERDICT_TLS = 4,
};

/* One direction of a connection, as every piece needs it. Positions are from the stream's begin. */
struct stream {
	/* all before has been reported */
	__u64 reported;
	/* bytes before this may belong to a message's head, or to a hello of TLS */
	__u64 capture_until;
	/* of HTTP/1: the end of a body that is known; BODY_OPEN: of one that tells itself; 0: none */
	__u64 body_end;
	/* since when nobody was told of what is withheld */
	__u32 told_jiffies;
	/* bytes before `reported` that nobody was told of (withheld.bpf.h): WITHHELD_BYTES_MAX */
	__u32 withheld : 26;
	/* some of this body were; the other direction has begun a message since this one's head */
	__u32 was_withheld : 1;
	__u32 is_doubtful : 1;
	/* that came since the last head, with it, and were not withheld; 0: there was none */
	__u32 pieces : 4;
};

/* The most that stream.pieces counts to. */
#define PIECES_MAX 15

/* What some of what is spoken needs beside it, of one direction. */
struct frames {
	/*
	 * the stream's first 8 bytes, as far as seen, while the verdict is open or TLS; of HTTP/2
	 * afterwards, the beginning of a frame that goes on in the next piece
	 */
	__u64 first;
	/* of HTTP/2: where the next frame begins; bytes before `bulk` are of a long DATA frame */
	__u64 frame;
	__u64 bulk;
};

/* What the connection's last record said. */
struct told {
	/* 0: there was none */
	__u64 time_ns;
	__u64 sent;
	__u64 received;
	__u32 retrans;
	__u32 drops;
	/* segments of both directions, when nothing else is news */
	__u32 segs;
	/* by enum tcp_chrono, less 1: jiffies */
	__u32 chrono[3];
};

/*
 * A piece of payload needs its first two cache lines: at the rate of most connections they are no
 * longer in the CPU's cache. The kernel puts 8 bytes of its own before, at the beginning of a line.
 */
struct conn {
	__u64 conn_id;
	char comm[COMM_LEN];
	/* 0 until ESTABLISHED */
	__u64 established_ns;
	__u32 pid;
	__u32 syn_retries;
	__u8 role;
	__u8 flags;
	/* flowspan's own: nothing is reported */
	__u8 own;
	__u8 verdict;
	/* an ICMP error came while connecting */
	__u8 unreachable;
	/* HTTP/2: frames of several messages stand among each other */
	__u8 interleaved;
	__u8 closed;
	/* TLS: what the server says next ends the handshake */
	__u8 awaits_server;
	/* HTTP/1: the last request was one whose answer has no body, whatever that says */
	__u8 asks_bodiless;
	/* pieces seen while undecided */
	__u8 pieces;
	__u16 local_port;
	__u16 remote_port;
	__u16 pad;
	/* by enum direction */
	struct stream streams[2];
	struct frames frames[2];
	__u64 flow_id;
	__u64 start_ns;
	__u64 cgroup_id;
	__u32 netns;
	__u32 tid;
	/* of the thread that called connect() */
	__u32 sleeps;
	__u32 drops;
	/* the reason of most drops, by majority vote */
	__u32 drop_reason;
	__u32 drop_votes;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	struct told told;
	struct eye eye;
};

#define CACHE_LINE 64
#define BEFORE_CONN 8
_Static_assert(BEFORE_CONN + offsetof(struct conn, streams) == CACHE_LINE, "one line");
_Static_assert(2 * sizeof(struct stream) == CACHE_LINE, "and one more");
/* Behind a line of the kernel's own: one byte more is kmalloc-1k for each connection. */
_Static_assert(CACHE_LINE + BEFORE_CONN + sizeof(struct conn) <= 512, "kmalloc-512");

/* Sizes of both rings are the loader's. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} payload SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COUNTER_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns SEC(".maps");

/* Last connection number given out on each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} conn_ids SEC(".maps");

/* Not BPF_F_RDONLY_PROG: Linux 6.18 refuses to map such an array for writing (EACCES). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WANTS_MAX);
	__type(key, __u32);
	__type(value, struct want);
} wants SEC(".maps");

/* As slotOf() in receivers/ebpf/slots.ts. Counts of neighbouring CPUs begin far from each other. */
static __always_inline __u32 want_slot(__u64 conn_id)
{
	return ((__u32)conn_id + (__u32)(conn_id >> 48) * 2053) & (WANTS_MAX - 1);
}

/* What the reader has said of the connection; NULL: nothing. */
static __always_inline const volatile struct want *want_of(const struct conn *conn)
{
	__u32 slot = want_slot(conn->conn_id);
	const volatile struct want *want = bpf_map_lookup_elem(&wants, &slot);

	return want && want->conn_id == conn->conn_id ? want : NULL;
}

/* Of the busiest each CPU has its own: all CPUs would wait for one cache line at each piece. */
static __always_inline __u32 counter_slot(__u32 counter)
{
	if (counter >= COUNTERS_BY_CPU)
		return counter;
	return COUNTER_MAX +
	       (bpf_get_smp_processor_id() & (COUNTER_CPUS - 1)) * COUNTERS_BY_CPU + counter;
}

static __always_inline void count_many(__u32 counter, __u64 more)
{
	__u32 slot = counter_slot(counter);
	__u64 *value = bpf_map_lookup_elem(&counters, &slot);

	if (likely(value))
		__sync_fetch_and_add(value, more);
}

static __always_inline void count(__u32 counter)
{
	count_many(counter, 1);
}

#endif
