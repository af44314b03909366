// SPDX-License-Identifier: GPL-2.0
/*
 * flowspan's kernel programs: one object, one probe an included file. README.md says what fires
 * when; events.h is what user space gets.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "events.h"
#include "distinct.bpf.h"

#define NS_PER_SEC 1000000000ULL

/* Alone in .rodata: the loader writes it there before the programs are verified. */
const volatile struct knobs knobs = {
	.capture_small = 1024,
	.capture_max = 4096,
	.udp = { .idle_ns = 60 * NS_PER_SEC },
};

/*
 * What some kernels lack comes first, in the order in which they tell so: libbpf loads programs as
 * they stand here, and stops at the first that is refused.
 */
#include "udp_fail_queue_rcv_skb.bpf.h"
#include "tcp_sendmsg_locked.bpf.h"
#include "do_tcp_sendpages.bpf.h"
#include "skb_copy_datagram_iovec.bpf.h"
#include "tcp_sendmsg_fentry.bpf.h"
#include "skb_copy_datagram_iter.bpf.h"

#include "booked.bpf.h"
#include "bpf_sk_storage_map.bpf.h"
#include "inet_sk_error_report.bpf.h"
#include "inet_sock_set_state.bpf.h"
#include "kfree_skb.bpf.h"
#include "spoken.bpf.h"
#include "task_file.bpf.h"
#include "tcp_probe.bpf.h"
#include "tcp_retransmit_skb.bpf.h"
#include "tcp_retransmit_synack.bpf.h"
#include "cgroup_skb.bpf.h"
#include "cgroup_sock_release.bpf.h"
#include "udp_sweep.bpf.h"

/* Tracing helpers are for GPL-compatible programs alone. */
char LICENSE[] SEC("license") = "GPL";
