// Package l2tp makes, observes and deletes static L2TPv3 tunnels and their Ethernet sessions (RFC 3931) over the kernel's generic netlink
// family "l2tp" (linux/l2tp.h).
//
// The kernel owns the socket of such a tunnel, so it outlives the program that made it. It knows no owner: what is observed are all
// tunnels and sessions of the network namespace, and telling ours is the caller's business.
//
// What was added is observed as an equal object, but for what the kernel keeps to itself: a session's L2Spec, and the name that its device
// was given later.
//
// Making a tunnel connects its socket, so there must be a route, the local address must exist, and what would drop the first packet
// already fails here: EPERM under an XFRM policy that blocks, unless one before it protects; EACCES under a prohibiting rule.
package l2tp
