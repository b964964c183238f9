package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket"
)

const (
	mtuTries = 3           // of one size
	mtuWait  = time.Second // for the answer to a try
	mtuStep  = 8           // bytes that the search may be off

	silenceEvery = 500 * time.Millisecond
)

// PathMTU finds by echo requests that must not be fragmented how many bytes packets from an address of the router to a remote may have, at
// most so many, and 0 where the remote answers to none. Tunnels of the kernel let their packets be fragmented, so that nobody else
// learns it. A router's word that they are too big is taken, by the kernel for its routes, too; where they vanish without one, the
// size is searched for, which takes up to half a minute.
func PathMTU(ctx context.Context, local, remote netip.Addr, most int) (int, error) {
	e, err := openWhole(local, remote)
	if err != nil {
		return 0, fmt.Errorf("find the MTU to %s: %w", remote, err)
	}
	defer e.conn.Close()
	defer context.AfterFunc(ctx, func() { e.conn.Close() })()
	n, err := searchMTU(most, leastMTU(e.family), e.passes)
	if err != nil {
		return 0, fmt.Errorf("find the MTU to %s: %w", remote, errors.Join(ctx.Err(), err))
	}
	return n, nil
}

// leastMTU is what every path takes (RFC 791, 3.1; RFC 8200, 5).
func leastMTU(f kstate.Family) int {
	if f == kstate.IPv6 {
		return 1280
	}
	return 576
}

// searchMTU finds the largest size that passes. passes says that one does, or what a router says that does.
func searchMTU(most, least int, passes func(size int) (ok bool, told int, err error)) (int, error) {
	ok, told, err := passes(most)
	switch {
	case err != nil:
		return 0, err
	case ok:
		return most, nil
	case told >= least && told < most:
		return told, nil
	}
	if ok, _, err = passes(least); err != nil || !ok {
		return 0, err // nothing passes, so it is not for its size
	}
	good, bad := least, most
	for bad-good > mtuStep {
		size := (good + bad) / 2
		switch ok, told, err := passes(size); {
		case err != nil:
			return 0, err
		case ok:
			good = size
		case told >= good && told < size:
			return told, nil
		default:
			bad = size
		}
	}
	return good, nil
}

// whole sends echo requests that are not fragmented.
type whole struct {
	conn   *socket.Conn
	family kstate.Family
	to     unix.Sockaddr
	id     uint16
	seq    uint16
}

// openWhole opens a raw socket whose packets go as those of tunnels from the same address do. It takes no notice of what the kernel knows of
// the path (IP_PMTUDISC_PROBE), which may be larger by now.
func openWhole(local, remote netip.Addr) (*whole, error) {
	e := &whole{family: kstate.FamilyOf(remote), to: sockaddr(netip.AddrPortFrom(remote, 0)), id: uint16(rand.Uint32())}
	domain, protocol, options := unix.AF_INET, unix.IPPROTO_ICMP, [][3]int{{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE}}
	if e.family == kstate.IPv6 {
		domain, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
		options = [][3]int{{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE}, {unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1}}
	}
	c, err := socket.Open(domain, unix.SOCK_RAW, protocol)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if err == nil {
			err = c.Control(func(fd int) error { return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, o[0], o[1], o[2])) })
		}
	}
	if err == nil {
		err = c.Bind(sockaddr(netip.AddrPortFrom(local, 0)))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	e.conn = c
	return e, nil
}

// passes sends packets of a size until one is answered, or a router says what is too big about them.
func (e *whole) passes(size int) (ok bool, told int, err error) {
	header := 20
	if e.family == kstate.IPv6 {
		header = 40
	}
	buf := make([]byte, size+header)
	for range mtuTries {
		e.seq++
		err := e.conn.Send(echoRequest(e.family, e.id, e.seq, make([]byte, size-header-echoHeader)), nil, e.to)
		if errors.Is(err, unix.EMSGSIZE) {
			return false, 0, nil // larger than the device takes
		}
		if err != nil && !transient(err) {
			return false, 0, err
		}
		if err := e.conn.SetReadDeadline(time.Now().Add(mtuWait)); err != nil {
			return false, 0, err
		}
		for {
			seq, told, err := e.answer(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return false, 0, err
			}
			if seq == e.seq {
				return told == 0, told, nil
			}
		}
	}
	return false, 0, nil
}

// answer waits for the next answer to a request of ours until the deadline of reading.
func (e *whole) answer(buf []byte) (seq uint16, told int, err error) {
	for {
		n, _, _, err := e.conn.Receive(buf, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
			return 0, 0, err
		}
		if err != nil {
			continue // an earlier packet's fault, told once
		}
		if seq, told, is := wholeAnswer(e.family, e.id, buf[:n]); is {
			return seq, told, nil
		}
	}
}

// Silence sends echo requests from an address of the router to a remote, one each half second, until one is answered or ctx ends, and returns how long
// that took: more than a usual round trip, and the path was away.
func Silence(ctx context.Context, local, remote netip.Addr) (time.Duration, error) {
	began := time.Now()
	e, err := openWhole(local, remote)
	if err != nil {
		return 0, err
	}
	defer e.conn.Close()
	defer context.AfterFunc(ctx, func() { e.conn.Close() })()
	buf := make([]byte, 256)
	for {
		e.seq++
		_ = e.conn.Send(echoRequest(e.family, e.id, e.seq, nil), nil, e.to) // a route may be away for a moment
		if err := e.conn.SetReadDeadline(time.Now().Add(silenceEvery)); err != nil {
			return 0, err
		}
		if _, _, err := e.answer(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			return time.Since(began), err
		}
	}
}

// transient says of an error in sending that it may pass, as when a route is away for a moment.
func transient(err error) bool {
	for _, n := range []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENOBUFS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENETDOWN, unix.ECONNREFUSED} {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}

// wholeAnswer reads what a raw socket received: the sequence number of our request that it answers, or that was too big, and then for which
// MTU (RFC 1191, 4; RFC 4443, 3.2).
func wholeAnswer(f kstate.Family, id uint16, b []byte) (seq uint16, told int, ours bool) {
	reply, big, request, inner := byte(echoReply6), byte(packetTooBig6), byte(echoRequest6), 40
	if f == kstate.IPv4 {
		reply, big, request = echoReply4, unreachable4, echoRequest4
		if len(b) < 20 || len(b) < int(b[0]&0xf)*4 {
			return 0, 0, false
		}
		b = b[int(b[0]&0xf)*4:]
	}
	if len(b) < echoHeader {
		return 0, 0, false
	}
	echo := b
	switch {
	case b[0] == reply:
	case b[0] == big && (f == kstate.IPv6 || b[1] == fragmentationNeeded):
		quoted := b[echoHeader:]
		if f == kstate.IPv4 && len(quoted) > 0 {
			inner = int(quoted[0]&0xf) * 4
		}
		if len(quoted) < inner+echoHeader || quoted[inner] != request {
			return 0, 0, false
		}
		echo, told = quoted[inner:], int(binary.BigEndian.Uint16(b[6:]))
	default:
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(echo[6:]), told, binary.BigEndian.Uint16(echo[4:]) == id
}

const (
	packetTooBig6       = 2
	fragmentationNeeded = 4
)
