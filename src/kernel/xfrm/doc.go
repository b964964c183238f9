// Package xfrm keeps the policies that stop what IPsec does not protect, and reads policies and security associations, over the kernel's
// NETLINK_XFRM (linux/xfrm.h).
//
// A policy of ours blocks exactly the endpoints of a protected tunnel and stands behind all others, so packets pass only while a policy of
// charon's before it sends them through ESP. No flush of nftables removes it. charon keeps to policies of its own: a policy with the same
// selector, mark and direction would replace ours, and take it away when the connection ends. Therefore ours have a number in
// a field of the selector that the kernel compares between policies only (kstate.BlockUser).
//
// Keys of security associations come with every dump of them; they are neither kept nor shown.
package xfrm
