/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A datagram is counted in its flow, which it may begin.
 */
#ifndef FLOWSPAN_UDP_COUNT_BPF_H
#define FLOWSPAN_UDP_COUNT_BPF_H

#include "udp_flow.bpf.h"

static __always_inline void key_of(struct udp_key *key, const struct datagram *datagram,
				   __u64 cookie)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->cookie = cookie;
	__builtin_memcpy(key->remote_addr, datagram->remote_addr, 16);
	key->remote_port = datagram->remote_port;
}

/* The process that sends: on the way out the kernel runs in its system call. */
static __noinline void take_sender(struct udp_flow *flow, struct bpf_sock *sk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct udp_owner *owner;

	if (task->flags & PF_KTHREAD)
		return;
	flow->pid = task->tgid;
	bpf_probe_read_kernel(flow->comm, COMM_LEN, task->group_leader->comm);
	meet_process(task);
	owner = bpf_sk_storage_get(&udp_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner)
		count(COUNTER_MARKS_LOST_STORAGE);
	if (!owner || owner->pid)
		return;
	__builtin_memcpy(owner->comm, flow->comm, COMM_LEN);
	owner->own = is_own(flow->pid);
	owner->pid = flow->pid;
}

/* What came in first: of the process that has sent by this socket before. */
static __always_inline void take_owner(struct udp_flow *flow, struct bpf_sock *sk)
{
	struct udp_owner *owner = bpf_sk_storage_get(&udp_owners, sk, 0, 0);

	if (!owner)
		return;
	flow->pid = owner->pid;
	flow->own = owner->own;
	__builtin_memcpy(flow->comm, owner->comm, COMM_LEN);
}

/* Fields that struct bpf_sock does not have. Was the port chosen by the socket's owner? */
static __noinline bool take_kernel(struct udp_flow *flow, const struct bpf_sock *sk)
{
	const struct sock *socket = whole_socket(sk);

	flow->netns = BPF_CORE_READ(socket, __sk_common.skc_net.net, ns.inum);
	flow->cgroup_id = get_cgroup_id(socket);
	meet_socket_cgroup(socket);
	return BPF_CORE_READ_BITFIELD_PROBED(socket, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

/* As of a connection. One that is not wanted is kept, so that it is asked about once. */
static __noinline bool is_selected_flow(const struct udp_flow *flow, const struct bpf_sock *sk)
{
	struct candidate candidate = {};
	__u32 word = selection;

	if (!(word & SELECT_RULES))
		return true;
	candidate.cgroup = get_cgroup(whole_socket(sk));
	candidate.netns = flow->netns;
	candidate.server_port = flow->role == ROLE_CLIENT ? flow->remote_port : flow->local_port;
	__builtin_memcpy(candidate.local_addr, flow->local_addr, 16);
	__builtin_memcpy(candidate.remote_addr, flow->remote_addr, 16);
	return is_wanted(word, &candidate);
}

/*
 * The selection has changed since that was decided. One that is wanted from now on has done nothing
 * yet; of one that is not, the sweep tells.
 */
static __always_inline void select_again(struct udp_flow *flow, const struct bpf_sock *sk)
{
	bool selected = is_selected_flow(flow, sk);

	flow->change = selection >> SELECT_CHANGE;
	if (selected == !flow->unselected)
		return;
	flow->unselected = !selected;
	note_udp_news();
	if (!selected) {
		count(COUNTER_UDP_UNSELECTED);
		return;
	}
	flow->start_ns = bpf_ktime_get_ns();
	__builtin_memset(flow->bytes, 0, sizeof(flow->bytes));
	__builtin_memset(flow->count, 0, sizeof(flow->count));
	__builtin_memset(flow->told_bytes, 0, sizeof(flow->told_bytes));
	__builtin_memset(flow->told_count, 0, sizeof(flow->told_count));
	flow->drops = 0;
	flow->told_drops = 0;
}

/*
 * NULL: there is no room. Not inlined, nor what it calls: together that is more than a program's
 * stack ("combined stack size of 2 calls is 544. Too large"), and a flow's first datagram alone
 * needs it.
 */
static __noinline struct udp_flow *begin_flow(const struct udp_key *key, struct bpf_sock *sk,
					      const struct datagram *datagram)
{
	struct udp_flow flow = {};
	bool bound;

	flow.start_ns = bpf_ktime_get_ns();
	flow.local_port = datagram->local_port;
	flow.remote_port = datagram->remote_port;
	__builtin_memcpy(flow.local_addr, datagram->local_addr, 16);
	__builtin_memcpy(flow.remote_addr, datagram->remote_addr, 16);
	flow.flow_id = flow_id_of_addresses(flow.local_addr, flow.remote_addr,
					    (__u32)flow.local_port << 16 | flow.remote_port,
					    flow.start_ns);
	bound = take_kernel(&flow, sk);
	flow.role = udp_role(datagram, bound);
	if (is_dns_port(flow.local_port) || is_dns_port(flow.remote_port))
		flow.wanted = 1;
	if (datagram->direction == DIRECTION_SENT) {
		take_sender(&flow, sk);
		flow.own = flow.pid && is_own(flow.pid);
	} else {
		take_owner(&flow, sk);
	}
	flow.own = is_own_datagram(&flow);
	flow.change = selection >> SELECT_CHANGE;
	if (!flow.own && !is_selected_flow(&flow, sk))
		flow.unselected = 1;
	/* another CPU may have begun it meanwhile: then it is that one's */
	if (!bpf_map_update_elem(&udp_flows, key, &flow, BPF_NOEXIST)) {
		note_udp_news();
		if (flow.own)
			count(COUNTER_UDP_OWN);
		else if (flow.unselected)
			count(COUNTER_UDP_UNSELECTED);
	}
	return bpf_map_lookup_elem(&udp_flows, key);
}

/* The flow that the datagram was counted in; NULL: none. */
static __always_inline struct udp_flow *count_datagram(struct bpf_sock *sk, __u64 cookie,
						       const struct datagram *datagram)
{
	struct udp_flow *flow;
	struct udp_key key;
	__u32 way = datagram->direction & 1;

	key_of(&key, datagram, cookie);
	flow = bpf_map_lookup_elem(&udp_flows, &key);
	if (!flow) {
		flow = begin_flow(&key, sk, datagram);
		if (!flow) {
			count(COUNTER_UDP_LOST_FLOWS);
			return NULL;
		}
	}
	if (flow->change != selection >> SELECT_CHANGE)
		select_again(flow, sk);
	if (!flow->pid && way == DIRECTION_SENT)
		take_sender(flow, sk);
	__sync_fetch_and_add(&flow->bytes[way], datagram->len);
	__sync_fetch_and_add(&flow->count[way], datagram->count);
	flow->last_ns = bpf_ktime_get_ns();
	if (knobs.interim_ns && flow->told_ns &&
	    flow->last_ns - flow->told_ns >= knobs.interim_ns)
		note_udp_news();
	return flow;
}

#endif
