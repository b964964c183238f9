// Package conntrack lists and deletes connections of the kernel's connection tracking (ctnetlink): the eviction of connections from a
// WAN, exact and without touching any other.
//
// A filter by mark alone is one message, and the kernel deletes by itself. Others are a dump that the kernel filters by mark and,
// from Linux 5.8, by IPv4 address (CTA_FILTER), then a delete of each entry by its tuple and id, so that a successor with the same
// addresses is spared unless it got the very memory of its predecessor. Older kernels pass over what they do not know of a filter, so
// every entry is also compared here. IPv6 addresses are compared here alone: the kernel's comparison of them is the wrong way round
// (seen on 6.18: a dump by an IPv6 address gives all entries but those that have it).
//
// To delete the entry of an offloaded flow is enough: the flow table drops a flow whose entry is dying at its next collection, within
// a second. Kernels before 6.4 (and stable series before mid-2023) keep such entries: a delete by tuple then answers EBUSY, which
// Delete reports, and one by mark passes over them.
package conntrack
