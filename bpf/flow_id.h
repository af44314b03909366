/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ids of flows: the same number on both hosts, whatever NAT lies between.
 */
#ifndef FLOWSPAN_FLOW_ID_H
#define FLOWSPAN_FLOW_ID_H

/*
 * The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection, so that two flows
 * have one id only when they have one pair of sequence numbers.
 */
static __always_inline __u64 mix64(__u64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Back again: the pair need not be kept beside the id. */
static __always_inline __u64 unmix64(__u64 z)
{
	z = (z ^ (z >> 31) ^ (z >> 62)) * 0x319642b2d24d8ec3ULL;
	z = (z ^ (z >> 27) ^ (z >> 54)) * 0x96de1b173f119089ULL;
	return z ^ (z >> 30) ^ (z >> 60);
}

static __always_inline __u64 flow_id_of_isns(__u32 client_isn, __u32 server_isn)
{
	return mix64((__u64)client_isn << 32 | server_isn);
}

/*
 * For a connection that got no answer, by when it began, and for an edge, by its namespace: good on
 * this host alone.
 */
static __always_inline __u64 flow_id_of_addresses(const __u8 *local, const __u8 *remote,
						  __u32 ports, __u64 seed)
{
	__u64 words[4];
	__u64 id = mix64(seed);

	__builtin_memcpy(words, local, 16);
	__builtin_memcpy(words + 2, remote, 16);
	id = mix64(id ^ words[0]);
	id = mix64(id ^ words[1]);
	id = mix64(id ^ words[2]);
	id = mix64(id ^ words[3]);
	return mix64(id ^ ports);
}

#endif
