// Package link makes, changes, observes and removes network devices and what hangs on them: bonds, veth pairs, VLANs and sit tunnels,
// their ports in bridges and bonds, addresses, and the mirrors that carry LACP over pseudowires.
//
// What it changes is ours: a device with an alias that begins with kstate.AliasPrefix. Devices of others become ports of our bonds and get
// ports of ours, nothing else; a device of another with a wanted name is refused with a ForeignError and stays as it is. Adding what is there
// and deleting what is absent is no error.
//
// The kernel takes no alias in the message that makes a device. So that nothing is lost when the program dies between the two messages,
// a new device carries the group number unfinished until it has its alias, and is taken for ours by it.
//
// A pseudowire's device is made by package l2tp. Claim gives it its alias, and from there it is a link like any other, but for its
// deletion, which is that of its session. The kernel reports no kind for such devices: a link of ours without a kind is a pseudowire.
package link
