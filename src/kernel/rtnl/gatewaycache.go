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
	// all are the families of which the answers for all devices are kept, large how many questions are yet to be asked device by device,
	// because main was so large.
	all   map[kstate.Family]bool
	large map[kstate.Family]int
}

// One question for all devices gives every route of main, of which the kernel cannot choose the default ones. Of more than manyRoutes
// each device is asked for by itself, so often, until main is perhaps smaller again.
const (
	manyRoutes = 500
	oneByOne   = 64
)

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
	return &gatewayCache{nl: nl, raw: raw, answers: map[question][]Gateway{}, all: map[kstate.Family]bool{}, large: map[kstate.Family]int{}}, nil
}

// get returns the kept answer, or asks for the routes by one device, or by all of them where the index is 0. A change during the question
// is received before the next one.
func (g *gatewayCache) get(q question, ask func(index int) (answers map[int][]Gateway, routes int, err error)) ([]Gateway, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.disturbed() {
		clear(g.answers)
		clear(g.all)
	}
	if kept, ok := g.answers[q]; ok || g.all[q.family] {
		return slices.Clone(kept), nil
	}
	index := 0
	if g.large[q.family] > 0 {
		g.large[q.family]--
		index = q.index
	}
	answers, routes, err := ask(index)
	if err != nil {
		return answers[q.index], err
	}
	if index != 0 {
		g.answers[q] = answers[index]
		return slices.Clone(answers[index]), nil // of a route by several devices, the others' routes are not all there
	}
	g.all[q.family] = true
	if routes > manyRoutes {
		g.large[q.family] = oneByOne
	}
	for device, gateways := range answers {
		g.answers[question{q.family, device}] = gateways
	}
	return slices.Clone(answers[q.index]), nil
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
