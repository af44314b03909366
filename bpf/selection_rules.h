/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which connections are wanted, as the loader writes it. Rules stand in two sets, of which one is
 * in force: the loader fills the other, then turns to it by writing one word.
 */
#ifndef FLOWSPAN_SELECTION_RULES_H
#define FLOWSPAN_SELECTION_RULES_H

/* The word. Above these bits, from SELECT_CHANGE on, it counts changes. */
enum selection_bit {
	/* keys that `include` has; those of `exclude` are SELECT_EXCLUDE bits further up */
	SELECT_NETNS = 1,
	SELECT_CGROUP = 2,
	SELECT_PORTS = 4,
	SELECT_CIDRS = 8,
	/* none of them: every connection is wanted */
	SELECT_RULES = 255,
	/* the set that is in force: 0 or 1 */
	SELECT_SET = 256,
	/* connections that no file led to may still be met: see older.bpf.h */
	SELECT_MEETS = 512,
};

/* What a rule is good for: bits of the values of all maps of rules. */
enum selection_list { LIST_INCLUDE = 1, LIST_EXCLUDE = 2 };

enum selection_limit {
	SELECT_EXCLUDE = 4,
	SELECT_CHANGE = 16,
	/* of one set; two lists */
	NAMED_MAX = 1024,
	CIDRS_MAX = 2048,
	/* words of 64 ports: one list of one set */
	PORT_WORDS = 1024,
	/* cgroups above a socket's own that are looked at, from the root */
	CGROUP_LEVELS = 16,
};

/* A network namespace by its inode, a cgroup by its id. */
struct named_rule {
	__u32 set;
	/* SELECT_NETNS or SELECT_CGROUP */
	__u32 key;
	__u64 value;
};

/* Key of an LPM trie: the set is the prefix's first 32 bits. */
struct cidr_rule {
	__u32 prefixlen;
	__u32 set;
	__u8 addr[16];
};

#endif
