package scenario_test

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// like is the address of a list that has the family of another.
func like(a netip.Addr, v4, v6 netip.Addr) netip.Addr {
	if a.Is4() {
		return v4
	}
	return v6
}

var connectionID = regexp.MustCompile(` id=(\d+)`)

// entries are the ids of the router's tracked UDP and TCP connections whose
// lines have all the words, by original tuple.
func entries(t *testing.T, h *lab.Host, words ...string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := h.Exec("", "conntrack", "-L", "-f", family, "-o", "id")
		if err != nil {
			t.Fatal(err)
		}
	lines:
		for _, line := range strings.Split(out, "\n") {
			f := strings.Fields(line)
			m := connectionID.FindStringSubmatch(line)
			if len(f) == 0 || m == nil || f[0] != "udp" && f[0] != "tcp" {
				continue
			}
			for _, w := range words {
				if !strings.Contains(line+" ", w+" ") {
					continue lines
				}
			}
			i := strings.Index(line, "src=")
			ids[strings.Join(strings.Fields(line[i:])[:4], " ")] = m[1]
		}
	}
	return ids
}

// talk is a TCP connection to an echo server, with its greeting read.
type talk struct {
	net.Conn
	source netip.AddrPort // as the far end sees it
}

// dial opens a connection from a host.
func dial(t *testing.T, h *lab.Host, to netip.AddrPort) *talk {
	t.Helper()
	c, err := h.Dial("tcp", to)
	if err != nil {
		t.Fatalf("connect to %s: %v", to, err)
	}
	t.Cleanup(func() { c.Close() })
	k := &talk{Conn: c}
	var line []byte
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for b := []byte{0}; b[0] != '\n'; line = append(line, b[0]) {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("greeting of %s: %v", to, err)
		}
	}
	if k.source, err = netip.ParseAddrPort(strings.TrimSpace(string(line))); err != nil {
		t.Fatal(err)
	}
	return k
}

// says sends a word and waits for its echo.
func (k *talk) says(within time.Duration) error {
	k.SetDeadline(time.Now().Add(within))
	if _, err := k.Write([]byte("word")); err != nil {
		return err
	}
	for n, b := 0, make([]byte, 4); n < 4; {
		m, err := k.Read(b)
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}
