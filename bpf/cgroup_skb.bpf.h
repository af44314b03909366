/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every datagram of UDP that a socket sends or is given, of all network namespaces: attached to the
 * root of the cgroup v2 tree. TCP's packets pass here too, at the cost of one check.
 *
 *     out   sendmsg ─▶ netfilter ─▶ here ─▶ fragments ─▶ device     in the process that sends
 *     in    device ─▶ netfilter ─▶ socket found ─▶ here ─▶ queue    in softirq, whoever runs
 *
 * A datagram may be whole in one buffer and read without skb_copy_datagram_iovec ever firing
 * (copy_linear_skb), so that hook, which gives what is read of TCP, does not serve.
 *
 * Both always return 1: anything else drops the packet.
 */
#ifndef FLOWSPAN_CGROUP_SKB_BPF_H
#define FLOWSPAN_CGROUP_SKB_BPF_H

#include "udp_count.bpf.h"

#define PASS 1

/* Room in the ring is reserved by a number that the verifier knows: most datagrams are short. */
#define DATAGRAM_SHORT 128
#define DATAGRAM_LONG 512

/*
 * A record as long as `room`, a constant, with `len` bytes of the datagram, at most as many.
 * Compared is the last byte's place, anew: up to 6.1 the verifier forgets the bounds of what is
 * kept on the stack meanwhile, and does not learn from `len != 0` that it is at least 1 ("R3 min
 * value is outside of the allowed memory range").
 */
#define OUTPUT_DATAGRAM(room)                                                                      \
	do {                                                                                       \
		struct datagram_record *record =                                                   \
			bpf_ringbuf_reserve(&payload, sizeof(*record) + (room), 0);                \
		__u32 last = len - 1;                                                              \
                                                                                                   \
		if (!record) {                                                                     \
			count(COUNTER_PAYLOAD_LOST_RING);                                          \
			return;                                                                    \
		}                                                                                  \
		fill_record(record, flow, datagram);                                               \
		barrier_var(last);                                                                 \
		if (last < (room) &&                                                               \
		    !bpf_skb_load_bytes(skb, datagram->at, record + 1, last + 1))                  \
			record->captured = len;                                                    \
		bpf_ringbuf_submit(record,                                                         \
				   wake_flags(&payload, sizeof(*record) + (room)));                \
	} while (0)

static __always_inline void fill_record(struct datagram_record *record, const struct udp_flow *flow,
					const struct datagram *datagram)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

	__builtin_memset(record, 0, sizeof(*record));
	record->type = RECORD_DATAGRAM;
	record->direction = datagram->direction;
	record->local_port = flow->local_port;
	record->remote_port = flow->remote_port;
	record->len = datagram->len;
	record->netns = flow->netns;
	record->pid = flow->pid;
	record->cgroup_id = flow->cgroup_id;
	record->time_ns = bpf_ktime_get_ns();
	if (datagram->direction == DIRECTION_SENT && !(task->flags & PF_KTHREAD)) {
		record->pid = task->tgid;
		record->tid = task->pid;
		record->sleeps = task->nvcsw;
	}
	__builtin_memcpy(record->local_addr, flow->local_addr, 16);
	__builtin_memcpy(record->remote_addr, flow->remote_addr, 16);
	__builtin_memcpy(record->comm, flow->comm, COMM_LEN);
}

static __always_inline void report_datagram(struct __sk_buff *skb, const struct udp_flow *flow,
					    const struct datagram *datagram)
{
	__u32 len = datagram->len;

	count(COUNTER_PAYLOAD_EVENTS);
	if (len > knobs.capture_max)
		len = knobs.capture_max;
	if (len > DATAGRAM_MAX)
		len = DATAGRAM_MAX;
	barrier_var(len);
	if (len <= DATAGRAM_SHORT)
		OUTPUT_DATAGRAM(DATAGRAM_SHORT);
	else if (len <= DATAGRAM_LONG)
		OUTPUT_DATAGRAM(DATAGRAM_LONG);
	else
		OUTPUT_DATAGRAM(DATAGRAM_MAX);
}

/*
 * TCP's packets are most of all, and are let go by a header that is at hand; what is none of TCP or
 * not read so easily is told by its socket.
 */
static __always_inline bool is_tcp(const struct __sk_buff *skb)
{
	const __u8 *header = (const __u8 *)(long)skb->data;
	__u8 version;

	if (header + IPV4_BYTES > (const __u8 *)(long)skb->data_end)
		return false;
	version = header[0] >> 4;
	return (version == 4 && header[9] == IPPROTO_TCP) ||
	       (version == 6 && header[6] == IPPROTO_TCP);
}

static __always_inline void take_udp(struct __sk_buff *skb, enum direction direction)
{
	struct datagram datagram = { .direction = direction };
	struct udp_flow *flow;
	struct bpf_sock *sk = skb->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_UDP)
		return;
	if (!take_datagram(skb, sk, &datagram)) {
		count(COUNTER_UDP_LOST_HEADERS);
		return;
	}
	flow = count_datagram(sk, bpf_get_socket_cookie(skb), &datagram);
	if (flow && flow->wanted && is_reported(flow))
		report_datagram(skb, flow, &datagram);
}

SEC("cgroup_skb/egress")
int udp_sent(struct __sk_buff *skb)
{
	if (!is_tcp(skb))
		take_udp(skb, DIRECTION_SENT);
	return PASS;
}

SEC("cgroup_skb/ingress")
int udp_received(struct __sk_buff *skb)
{
	if (!is_tcp(skb))
		take_udp(skb, DIRECTION_RECEIVED);
	return PASS;
}

#endif
