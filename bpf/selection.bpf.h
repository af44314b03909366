/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a connection is wanted: decided once, where its storage would be made. One that is not
 * wanted has none, so that what every later hook does for it is to look for it in vain.
 *
 *     include  of each key that it has, one rule at least is true
 *     exclude  no rule is true
 */
#ifndef FLOWSPAN_SELECTION_BPF_H
#define FLOWSPAN_SELECTION_BPF_H

#include "address.bpf.h"
#include "core_fixes.bpf.h"
#include "maps.bpf.h"

/* The word: enum selection_bit. In a section of its own, for the loader to find. */
volatile __u32 selection SEC(".data.selection");

/* Values of both maps: enum selection_list. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * NAMED_MAX);
	__type(key, struct named_rule);
	__type(value, __u32);
} named_rules SEC(".maps");

/* A rule has the lists of all prefixes that contain it, as only the longest is found. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * CIDRS_MAX);
	__type(key, struct cidr_rule);
	__type(value, __u32);
} cidr_rules SEC(".maps");

/* A bit a port: words of include and exclude of set 0, then those of set 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4 * PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} port_rules SEC(".maps");

/* What is asked about a connection, or about a socket that has none yet. */
struct candidate {
	const struct cgroup *cgroup;
	__u32 netns;
	/* what is connected to */
	__u16 server_port;
	/* a listener on all addresses */
	__u16 any_address;
	__u8 local_addr[16];
	__u8 remote_addr[16];
};

static __always_inline __u32 set_of(__u32 word)
{
	return word & SELECT_SET ? 1 : 0;
}

static __always_inline __u32 lists_of_name(__u32 word, __u32 key, __u64 value)
{
	struct named_rule rule = { .set = set_of(word), .key = key, .value = value };
	const __u32 *lists = bpf_map_lookup_elem(&named_rules, &rule);

	return lists ? *lists : 0;
}

/* A rule about a cgroup is one about all that is below it. */
static __always_inline __u32 lists_of_cgroup(__u32 word, const struct cgroup *cgroup)
{
	__u32 lists = 0;
	__u64 id;

	for (int level = 0; level < CGROUP_LEVELS; level++) {
		id = get_ancestor_id(cgroup, level);
		if (!id)
			break;
		lists |= lists_of_name(word, SELECT_CGROUP, id);
	}
	return lists;
}

static __always_inline bool has_port(__u32 word, __u32 list, __u16 port)
{
	__u32 at = (2 * set_of(word) + list) * PORT_WORDS + port / 64;
	const __u64 *ports = bpf_map_lookup_elem(&port_rules, &at);

	return ports && *ports >> (port % 64) & 1;
}

static __always_inline __u32 lists_of_port(__u32 word, __u16 port)
{
	return (has_port(word, 0, port) ? LIST_INCLUDE : 0) |
	       (has_port(word, 1, port) ? LIST_EXCLUDE : 0);
}

static __always_inline __u32 lists_of_address(__u32 word, const __u8 *address)
{
	struct cidr_rule rule = { .prefixlen = 32 + 128, .set = set_of(word) };
	const __u32 *lists;

	__builtin_memcpy(rule.addr, address, 16);
	lists = bpf_map_lookup_elem(&cidr_rules, &rule);
	return lists ? *lists : 0;
}

/* `lists`: those with a rule of this key that is true. */
static __always_inline bool passes(__u32 word, __u32 key, __u32 lists)
{
	if (word & key << SELECT_EXCLUDE && lists & LIST_EXCLUDE)
		return false;
	return !(word & key) || lists & LIST_INCLUDE;
}

static __always_inline bool has_rules(__u32 word, __u32 key)
{
	return word & (key | key << SELECT_EXCLUDE);
}

/* Not inlined: several programs ask, and none of them has registers to spare for it. */
static __noinline bool is_wanted(__u32 word, const struct candidate *candidate)
{
	__u32 lists;

	if (has_rules(word, SELECT_PORTS) &&
	    !passes(word, SELECT_PORTS, lists_of_port(word, candidate->server_port)))
		return false;
	if (has_rules(word, SELECT_NETNS) &&
	    !passes(word, SELECT_NETNS, lists_of_name(word, SELECT_NETNS, candidate->netns)))
		return false;
	if (has_rules(word, SELECT_CIDRS) && !candidate->any_address) {
		lists = lists_of_address(word, candidate->local_addr) |
			lists_of_address(word, candidate->remote_addr);
		if (!passes(word, SELECT_CIDRS, lists))
			return false;
	}
	return !has_rules(word, SELECT_CGROUP) ||
	       passes(word, SELECT_CGROUP, lists_of_cgroup(word, candidate->cgroup));
}

/* Of a socket that connects, has connected, or listens: `role` says which port counts. */
static __always_inline bool is_selected(const struct sock *sk, const struct tcp_sock *tp,
					enum conn_role role)
{
	const struct sock_common *common = &sk->__sk_common;
	struct candidate candidate = {};
	__u32 word = selection;

	if (!(word & SELECT_RULES))
		return true;
	candidate.netns = common->skc_net.net->ns.inum;
	candidate.cgroup = get_cgroup(sk);
	candidate.server_port = bpf_ntohs(role == ROLE_CLIENT ? common->skc_dport :
								tp->inet_conn.icsk_inet.inet_sport);
	read_addresses(sk, candidate.local_addr, candidate.remote_addr);
	return is_wanted(word, &candidate);
}

/* A listener has one end, and often no address. */
static __always_inline bool is_selected_listener(const struct sock *sk, const struct tcp_sock *tp)
{
	struct candidate candidate = {};
	const __u64 *halves = (const __u64 *)candidate.local_addr;
	__u32 word = selection;

	if (!(word & SELECT_RULES))
		return true;
	candidate.netns = sk->__sk_common.skc_net.net->ns.inum;
	candidate.cgroup = get_cgroup(sk);
	candidate.server_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	read_addresses(sk, candidate.local_addr, candidate.remote_addr);
	candidate.any_address = !*(const __u32 *)(candidate.local_addr + 12) && !halves[0];
	__builtin_memcpy(candidate.remote_addr, candidate.local_addr, 16);
	return is_wanted(word, &candidate);
}

/* An unwanted connection: what is left of an attempt before it goes. */
static __always_inline void leave_out(struct sock *sk)
{
	bpf_sk_storage_delete(&conns, sk);
	count(COUNTER_CONN_UNSELECTED);
}

#endif
