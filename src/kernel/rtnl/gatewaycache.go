package rtnl

import (
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// question is what DefaultGateways is asked.
type question struct {
	family kstate.Family
	index  int
}

// gatewayCache keeps answers while its socket, which nobody waits on, has received nothing. IPv4 routes that go with a link or an
// address are not told of, but the link and the address are.
type gatewayCache struct {
	nl  *netlink.Conn
	raw syscall.RawConn

	mu      sync.Mutex
	answers map[question][]Gateway
}

// gatewayBuffer is small: that it overflowed says enough.
const gatewayBuffer = 16 << 10

func newGatewayCache() (*gatewayCache, error) {
	groups := []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE}
	nl, err := subscribe(groups, gatewayFilter(), gatewayBuffer)
	if err != nil {
		return nil, fmt.Errorf("watch default routes: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("watch default routes: %w", err)
	}
	return &gatewayCache{nl: nl, raw: raw, answers: map[question][]Gateway{}}, nil
}

// get returns the kept answer, or asks. A change during the question is received before the next one.
func (g *gatewayCache) get(q question, ask func() ([]Gateway, error)) ([]Gateway, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.disturbed() {
		clear(g.answers)
	}
	if kept, ok := g.answers[q]; ok {
		return slices.Clone(kept), nil
	}
	answer, err := ask()
	if err == nil {
		g.answers[q] = slices.Clone(answer)
	}
	return answer, err
}

// disturbed empties the socket and says whether there was anything in it, an overflow or another error included.
func (g *gatewayCache) disturbed() bool {
	some := false
	var b [1]byte // the rest of each datagram is dropped
	err := g.raw.Control(func(fd uintptr) {
		for {
			_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT)
			switch err {
			case unix.EAGAIN:
				return
			case nil, unix.ENOBUFS, unix.EINTR:
				some = true
			default:
				some = true
				return
			}
		}
	})
	return some || err != nil
}
