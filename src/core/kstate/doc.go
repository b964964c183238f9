// Package kstate holds plain types for every kernel object that multiwan owns: policy rules, routes, nexthops, nftables tables and
// sysctls. Each object has a key (what the kernel tells it apart by), an equality and a text in the syntax of ip(8), nft(8) or
// sysctl(8), so that the plan, the diff, the goldens and the log all speak of the same thing in the same words.
//
// The package touches nothing: kernel/rtnl and kernel/nft turn these values into netlink messages and back.
package kstate
