// Package mwan3 turns the configuration of mwan3 (and of its nftables port) into
// one of multiwan that does the same, and says of every option that it could not
// carry over, or that means something else here, what became of it.
//
// What is kept even where mwan3's file says nothing, because the defaults differ:
// an interface without `enabled` is off, a policy without `last_resort` refuses,
// connections stay where they are when a better WAN is back, rules match the
// router's own traffic too, and what no rule matches goes by the main routing
// table. What is not kept is the pace of probing: options that are given are
// carried over, but the rest are multiwan's.
//
// mwan3 has an interface section for each family; multiwan has one WAN. `wan6`
// (or `wan_6`) joins `wan` as its IPv6 side.
package mwan3
