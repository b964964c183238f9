// Package mtu computes how large a packet may be inside a tunnel so that no outer packet needs a fragment, and what that means for the
// MSS of TCP. The kernel's own default for l2tpeth is computed once, before there is an SA, and is absurd under a trap policy: nothing
// here relies on it.
package mtu
