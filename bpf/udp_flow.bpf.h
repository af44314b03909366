/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is kept of UDP: for each socket and peer how much went either way. A flow begins with its
 * first datagram and is over when its socket is closed, or when nothing has come for udp.idle_ns.
 *
 * Nothing is told of a flow on the datagram's way: the sweep (udp_sweep.bpf.h) finds it when it is
 * up to a second old, and when it is over. So one that is shorter has one record, and a flood from
 * everywhere fills no ring.
 */
#ifndef FLOWSPAN_UDP_FLOW_BPF_H
#define FLOWSPAN_UDP_FLOW_BPF_H

#include "udp_datagram.bpf.h"

/* At each port below only the privileged may listen (net.ipv4.ip_unprivileged_port_start). */
#define WELL_KNOWN_PORTS 1024

struct udp_key {
	/* of the socket, never given twice */
	__u64 cookie;
	__u8 remote_addr[16];
	__u32 remote_port;
	__u32 pad;
};

struct udp_flow {
	__u64 flow_id;
	__u64 start_ns;
	__u64 last_ns;
	/* when it was last told of; 0: never */
	__u64 told_ns;
	__u64 cgroup_id;
	/* by enum direction */
	__u64 bytes[2];
	__u64 count[2];
	/* as of the last record */
	__u64 told_bytes[2];
	__u64 told_count[2];
	__u32 told_drops;
	__u32 netns;
	__u32 pid;
	__u32 drops;
	__u16 local_port;
	__u16 remote_port;
	__u8 role;
	/* flowspan's own: nothing is reported */
	__u8 own;
	/* its datagrams are wanted */
	__u8 wanted;
	/* the selection leaves it out: nothing is reported */
	__u8 unselected;
	/* the selection's count of changes when that was decided */
	__u32 change;
	__u32 pad;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
};

/* Who sent first by a socket: what came in before has it from here. */
struct udp_owner {
	__u32 pid;
	__u32 own;
	char comm[COMM_LEN];
};

/* Its size is the loader's. Not LRU: what would have to go would be gone without a trace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct udp_key);
	__type(value, struct udp_flow);
} udp_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_owner);
} udp_owners SEC(".maps");

/* Sockets that were closed since the last sweep, and when. Their flows are still to be told of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} udp_released SEC(".maps");

/* By client's port and server's: flows that flowspan has begun, whose other end may be here. */
struct udp_pair {
	__u8 client_addr[16];
	__u8 server_addr[16];
	__u16 client_port;
	__u16 server_port;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct udp_pair);
	__type(value, __u8);
} own_datagrams SEC(".maps");

/*
 * Whether a sweep would find something: a way through the whole table takes a millisecond, however
 * little is in it. Set when a flow begins or is not wanted any more, when a socket is closed, and
 * by a datagram that came late enough for another record; flows that nothing comes for have a time.
 */
static volatile __u32 udp_news = 1;
static volatile __u64 udp_due_ns;

static __always_inline void note_udp_news(void)
{
	/* read first: so the CPUs share the line */
	if (!udp_news)
		udp_news = 1;
}

static __always_inline bool is_reported(const struct udp_flow *flow)
{
	return !flow->own && !flow->unselected;
}

/* Tells of a flow, and that it was told of. */
static __always_inline void report_udp(struct udp_flow *flow, enum conn_state state,
				       enum close_reason reason, __u64 end_ns)
{
	struct udp_record *record;

	count(COUNTER_UDP_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_UDP_LOST_RING);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->type = RECORD_UDP;
	record->state = state;
	record->role = flow->role;
	record->close_reason = reason;
	record->flow_id = flow->flow_id;
	record->start_ns = flow->start_ns;
	record->end_ns = end_ns;
	record->cgroup_id = flow->cgroup_id;
	record->bytes_sent = flow->bytes[DIRECTION_SENT];
	record->bytes_received = flow->bytes[DIRECTION_RECEIVED];
	record->datagrams_sent = flow->count[DIRECTION_SENT];
	record->datagrams_received = flow->count[DIRECTION_RECEIVED];
	record->drops = flow->drops;
	record->bytes_sent_since = record->bytes_sent - flow->told_bytes[DIRECTION_SENT];
	record->bytes_received_since = record->bytes_received - flow->told_bytes[DIRECTION_RECEIVED];
	record->datagrams_sent_since = record->datagrams_sent - flow->told_count[DIRECTION_SENT];
	record->datagrams_received_since =
		record->datagrams_received - flow->told_count[DIRECTION_RECEIVED];
	record->drops_since = record->drops - flow->told_drops;
	flow->told_bytes[DIRECTION_SENT] = record->bytes_sent;
	flow->told_bytes[DIRECTION_RECEIVED] = record->bytes_received;
	flow->told_count[DIRECTION_SENT] = record->datagrams_sent;
	flow->told_count[DIRECTION_RECEIVED] = record->datagrams_received;
	flow->told_drops = record->drops;
	record->netns = flow->netns;
	record->pid = flow->pid;
	record->local_port = flow->local_port;
	record->remote_port = flow->remote_port;
	__builtin_memcpy(record->local_addr, flow->local_addr, 16);
	__builtin_memcpy(record->remote_addr, flow->remote_addr, 16);
	__builtin_memcpy(record->comm, flow->comm, COMM_LEN);
	bpf_ringbuf_submit(record, wake_flags(&connections, sizeof(*record)));
}

static __always_inline bool is_dns_port(__u16 port)
{
	for (int i = 0; i < DNS_PORTS_MAX; i++) {
		if (knobs.udp.dns_ports[i] == port)
			return port != 0;
	}
	return false;
}

/*
 * Which end this is. A port of DNS says it; else who is seen to send first is the client, unless
 * it began before, by what the socket is: one that its owner has bound to a well-known port
 * answers, one that is connected and was given any port has asked.
 */
static __always_inline enum conn_role udp_role(const struct datagram *datagram, bool bound)
{
	bool sent = datagram->direction == DIRECTION_SENT;
	bool local_dns = is_dns_port(datagram->local_port);
	bool remote_dns = is_dns_port(datagram->remote_port);

	if (local_dns != remote_dns)
		return local_dns ? ROLE_SERVER : ROLE_CLIENT;
	if (sent)
		return bound && datagram->local_port < WELL_KNOWN_PORTS &&
				       datagram->remote_port >= WELL_KNOWN_PORTS ?
			       ROLE_SERVER :
			       ROLE_CLIENT;
	return datagram->connected && !bound ? ROLE_CLIENT : ROLE_SERVER;
}

/* Is this the other end, on this host, of what flowspan has begun? Notes what it begins. */
static __noinline bool is_own_datagram(const struct udp_flow *flow)
{
	bool client = flow->role == ROLE_CLIENT;
	struct udp_pair pair = {};
	__u8 yes = 1;

	__builtin_memcpy(pair.client_addr, client ? flow->local_addr : flow->remote_addr, 16);
	__builtin_memcpy(pair.server_addr, client ? flow->remote_addr : flow->local_addr, 16);
	pair.client_port = client ? flow->local_port : flow->remote_port;
	pair.server_port = client ? flow->remote_port : flow->local_port;
	if (flow->own)
		bpf_map_update_elem(&own_datagrams, &pair, &yes, BPF_ANY);
	return flow->own || bpf_map_lookup_elem(&own_datagrams, &pair);
}

#endif
