/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of UDP, as events.h has those of TCP.
 */
#ifndef FLOWSPAN_UDP_EVENTS_H
#define FLOWSPAN_UDP_EVENTS_H

enum udp_limit { DNS_PORTS_MAX = 8, DATAGRAM_MAX = 4096 };

/* Part of struct knobs. */
struct udp_knobs {
	/* a flow is over when nothing has come for so long */
	__u64 idle_ns;
	/* servers' ports whose datagrams are wanted; 0: none */
	__u16 dns_ports[DNS_PORTS_MAX];
};

/* The datagrams between a socket and one of its peers, all of them so far. */
struct udp_record {
	__u8 type;
	/* enum conn_state, enum conn_role, enum close_reason */
	__u8 state;
	__u8 role;
	__u8 close_reason;
	__u32 netns;
	/* made from addresses, ports and start: good on this host alone */
	__u64 flow_id;
	__u64 start_ns;
	/* of the last datagram, or when the socket was closed */
	__u64 end_ns;
	__u64 cgroup_id;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 datagrams_sent;
	__u64 datagrams_received;
	/* the same since its record before */
	__u64 bytes_sent_since;
	__u64 bytes_received_since;
	__u64 datagrams_sent_since;
	__u64 datagrams_received_since;
	/* datagrams that the socket had no room for; what was received is without them */
	__u32 drops;
	__u32 drops_since;
	/* of who sends by the socket; 0: nobody has yet */
	__u32 pid;
	__u16 local_port;
	__u16 remote_port;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
};

/*
 * A datagram to or from one of knobs.dns_ports. `captured` bytes of it follow the struct: all,
 * unless it is longer than capture_max or DATAGRAM_MAX. The record may be longer still.
 */
struct datagram_record {
	__u8 type;
	/* enum direction */
	__u8 direction;
	__u16 local_port;
	__u16 remote_port;
	__u16 pad;
	__u32 len;
	__u32 captured;
	__u32 netns;
	/* who sends. Of what came in: whose socket it is, if known; nobody has read it yet */
	__u32 pid;
	__u32 tid;
	__u32 sleeps;
	__u64 cgroup_id;
	__u64 time_ns;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
};

/* What the loader says when it has flows looked over. */
struct sweep {
	/* tell again of all that were told of: the reader is new */
	__u32 again;
};

#endif
