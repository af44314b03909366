/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few fields of the kernel's structs that the programs read. CO-RE finds each by name in the
 * running kernel's BTF, so neither order nor what is left out matters.
 */
#ifndef FLOWSPAN_KERNEL_TYPES_H
#define FLOWSPAN_KERNEL_TYPES_H

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded"
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__u8 in6_u[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup *ancestors[1];
};

/* Before Linux 6.1 */
struct cgroup___ids {
	__u64 ancestor_ids[1];
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
	int sk_err;
	atomic_t sk_drops;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	__u8 sk_userlocks : 4;
	__u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct inet_sock {
	struct sock sk;
	__u16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	__u8 icsk_ca_state : 5;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};

struct minmax_sample {
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_options_received {
	__u16 tstamp_ok : 1;
};

struct tcp_rack {
	__u32 rtt_us;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 segs_out;
	__u32 segs_in;
	__u32 total_retrans;
	__u32 lost;
	__u32 srtt_us;
	__u32 mdev_us;
	struct minmax rtt_min;
	__u8 chrono_type;
	__u32 chrono_start;
	__u32 chrono_stat[3];
	__u32 reord_seen;
	__u32 dsack_dups;
	__u32 delivered_ce;
	__u32 lsndtime;
	__u32 mss_cache;
	__u32 rate_delivered;
	__u32 rate_interval_us;
	__u32 data_segs_out;
	__u32 tlp_high_seq;
	__u8 tcp_usec_ts : 1;
	struct tcp_options_received rx_opt;
	struct tcp_rack rack;
};

/* The beginning of sk_buff.cb while TCP has the buffer. */
struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
};

struct sk_buff {
	struct sock *sk;
	unsigned char *head;
	__u16 network_header;
	__u16 transport_header;
	unsigned int len;
	char cb[48];
};

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset;
	const struct iovec *__iov;
	unsigned long count;
	unsigned long nr_segs;
};

/* Before 6.4. */
struct iov_iter___old {
	const struct iovec *iov;
};

struct page;

struct msghdr {
	struct iov_iter msg_iter;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	unsigned long nvcsw;
	struct task_struct *group_leader;
	char comm[16];
};

/* include/linux/bpf.h: what an iterator over a socket storage map is called with */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
};

struct file;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

/* The running kernel's value is taken, by bpf_core_enum_value. */
enum skb_drop_reason { SKB_DROP_REASON_NOT_SPECIFIED = 2, SKB_DROP_REASON_QUEUE_PURGE = 3 };

/* include/trace/events/skb.h: kernels are told apart by its fields, whose types must be theirs */
struct trace_event_raw_kfree_skb {
	void *rx_sk;
	enum skb_drop_reason reason;
};

/* Values are the running kernel's, by bpf_core_enum_value. */
enum sock_flags { SOCK_DONE = 1 };
enum iter_type { ITER_UBUF = 0, ITER_IOVEC = 1 };
enum tcp_ca_state { TCP_CA_Recovery = 3, TCP_CA_Loss = 4 };
enum tcp_chrono {
	TCP_CHRONO_BUSY = 1,
	TCP_CHRONO_RWND_LIMITED = 2,
	TCP_CHRONO_SNDBUF_LIMITED = 3,
};

#pragma clang attribute pop
#pragma clang diagnostic pop

/* Kernel macros, which BTF does not have. */
#define AF_INET 2
#define AF_INET6 10
#define PF_KTHREAD 0x00200000
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define SOCK_BINDPORT_LOCK 8

#endif
