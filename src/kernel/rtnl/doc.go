// Package rtnl speaks rtnetlink: it observes and changes the policy rules, routes and nexthop objects that multiwan owns (protocol 77),
// reads links, addresses and gateways, asks the kernel for its own routing decision and watches for changes.
//
// What it dumps it dumps filtered: by table or by device and protocol, with the strict checking of the kernel (NETLINK_GET_STRICT_CHK,
// Linux 4.20), so that a main table of a full routing feed is never copied to user space. The watch filters in the kernel, too.
//
// Applying an object and observing again gives an equal object: the differences between what is sent and what the kernel shows
// (the device lo of IPv6 special routes, expanded nexthop objects, IPv6 multipath) are levelled here and nowhere else.
//
// mdlayher/netlink gives sockets, options, groups and socket filters. Messages are encoded, read and decoded here, because an unknown
// attribute must not fail a dump, the flag NLM_F_DUMP_INTR must be seen (also on the last message, which that package keeps for
// itself), and nexthop objects, RTA_VIA and user id ranges are needed.
package rtnl
