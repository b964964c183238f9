package scenario_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// shot is one connection, or one datagram and its answer.
type shot struct {
	network string         // tcp or udp
	local   netip.AddrPort // source to bind to; invalid: none
	to      netip.AddrPort // of an echo server
	dscp    int
	mark    uint32
	uid     int           // of the sending program
	wait    time.Duration // for the answer; 0 means 2 s
}

// exchange sends a shot from a host and returns the source that the far end saw.
// Where the network refuses, the error is the errno of the ICMP message.
func exchange(h *lab.Host, s shot) (netip.AddrPort, error) {
	seen, _, err := exchangeFrom(h, s)
	return seen, err
}

// exchangeFrom also returns the address that the socket had at its own end.
func exchangeFrom(h *lab.Host, s shot) (seen, own netip.AddrPort, err error) {
	if s.wait == 0 {
		s.wait = 2 * time.Second
	}
	end := time.Now().Add(s.wait)
	d := net.Dialer{Deadline: end, Control: s.control}
	if s.local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(s.local)
		if s.network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(s.local)
		}
	}
	var c net.Conn
	h.Do(func() {
		// The owner of a socket is the file system user of the thread that makes it.
		syscall.RawSyscall(unix.SYS_SETFSUID, uintptr(s.uid), 0, 0)
		defer syscall.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
		c, err = d.Dial(s.network, s.to.String())
	})
	if err != nil {
		return seen, own, err
	}
	defer c.Close()
	own, _ = netip.ParseAddrPort(c.LocalAddr().String())
	seen, err = s.answer(c, end)
	return seen, own, err
}

func (s shot) control(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		if s.mark != 0 {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(s.mark)))
		}
		if s.dscp != 0 && s.to.Addr().Is4() {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, s.dscp<<2))
		} else if s.dscp != 0 {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, s.dscp<<2))
		}
	})
	return errors.Join(cerr, err)
}

// answer reads what [lab.Host.Echo] tells of the peer. A datagram is sent again
// each 200 ms, the first may wait for a neighbour's address.
func (s shot) answer(c net.Conn, end time.Time) (netip.AddrPort, error) {
	if s.network == "tcp" {
		c.SetReadDeadline(end)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return netip.AddrPort{}, err
		}
		return netip.ParseAddrPort(line[:len(line)-1])
	}
	buf := make([]byte, 256)
	for {
		if _, err := c.Write([]byte("question")); err != nil {
			return netip.AddrPort{}, err
		}
		c.SetReadDeadline(time.Now().Add(min(200*time.Millisecond, time.Until(end))))
		n, err := c.Read(buf)
		switch {
		case err == nil && n > 8:
			return netip.ParseAddrPort(string(buf[8:n]))
		case err == nil:
			return netip.AddrPort{}, fmt.Errorf("answer of %d bytes", n)
		case !isTimeout(err) || time.Now().After(end):
			return netip.AddrPort{}, err
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// greet is the server that exchange expects of TCP: it tells the peer its address.
func greet(c net.Conn) { io.WriteString(c, c.RemoteAddr().String()+"\n") }

// explain asks the program about a connection.
func (r *router) explain(src, dst netip.Addr, proto string, port uint16, flags ...string) status.Explanation {
	r.t.Helper()
	var e status.Explanation
	r.ask(&e, "explain", append(append([]string{"--json"}, flags...), src.String(), dst.String(), proto, fmt.Sprint(port))...)
	return e
}

// oneWay is the WAN that an explanation ends at; "" where it is none or several.
func oneWay(e status.Explanation) string {
	if len(e.Ways) != 1 {
		return ""
	}
	return e.Ways[0].Interface
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
