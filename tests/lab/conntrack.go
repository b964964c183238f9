package lab

import (
	"strconv"
	"strings"
)

// Connection is one line of `conntrack -L`, by its words: "orig src", "reply
// dst", "mark" and so on are keys of Words as "src", "reply.dst", "mark".
type Connection struct {
	Proto string
	Words map[string]string
	Line  string
}

// Mark of the connection; 0 where it has none.
func (c Connection) Mark() uint32 {
	n, _ := strconv.ParseUint(c.Words["mark"], 10, 32)
	return uint32(n)
}

// Conntrack lists the connections of a family ("ipv4" or "ipv6") that have all
// the given words ("proto=udp" or any word of the line, "reply.dst=192.0.2.2").
func (h *Host) Conntrack(family string, words ...string) []Connection {
	h.tb.Helper()
	Need(h.tb, ConntrackNetlink)
	out, err := h.Exec("", "conntrack", "-L", "-f", family)
	if err != nil {
		h.tb.Fatalf("%v", err)
	}
	var list []Connection
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if c := parseConnection(line); line != "" && c.has(words) {
			list = append(list, c)
		}
	}
	return list
}

func (c Connection) has(words []string) bool {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		if k == "proto" && v == c.Proto {
			continue
		}
		if c.Words[k] != v {
			return false
		}
	}
	return true
}

// parseConnection reads `udp 17 28 src=… dst=… [UNREPLIED] src=… dst=… mark=1`:
// the second tuple is that of the reply.
func parseConnection(line string) Connection {
	f := strings.Fields(line)
	c := Connection{Words: map[string]string{}, Line: line}
	if len(f) > 0 {
		c.Proto = f[0]
	}
	for _, w := range f {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			continue
		}
		if _, seen := c.Words[k]; seen {
			k = "reply." + k
		}
		c.Words[k] = v
	}
	return c
}
