package config

import (
	"net/netip"
	"strconv"
	"strings"

	"multiwan/src/core/kstate"
)

// Target is one target of a probe, taken apart.
type Target struct {
	// Text is as configured: the key under which results are shown.
	Text string
	// Gateway says that the WAN's next hop is meant.
	Gateway bool
	// Addr is valid for addresses; Host is set for names, which need to be resolved by the WAN that is probed.
	Addr netip.Addr
	Host string
	// Port is asked by dns, http and tcp; Path by http.
	Port int
	Path string
}

// GatewayTarget is the word for the WAN's next hop in Probe.Targets.
const GatewayTarget = "gateway"

// defaultPorts by method.
var defaultPorts = map[string]int{"dns": 53, "http": 80, "tcp": 443}

// parseTarget reads a target of a method. The error is a fault.
func parseTarget(method, text string) (Target, error) {
	t := Target{Text: text}
	if text == GatewayTarget {
		t.Gateway = true
		return t, nil
	}
	rest := text
	if method == "http" {
		if strings.HasPrefix(text, "https:") {
			return t, wantf("http: certificates cannot be checked before the clock is set, and a probe needs no secrecy")
		}
		rest = strings.TrimPrefix(rest, "http://")
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			rest, t.Path = rest[:i], rest[i:]
			if !printable(t.Path) || strings.ContainsAny(t.Path, " #") {
				return t, wantf("a path of visible characters")
			}
		}
		rest = t.cutPort(rest)
	}
	if a, ok := address(rest); ok {
		t.Addr = a
		return t, checkTargetAddr(a)
	}
	if method == "ping" || method == "arping" {
		return t, wantf("an address or the word gateway")
	}
	if !isHost(rest) || t.Port < 0 {
		if method == "http" {
			return t, wantf("an address, a host or the word gateway, with :port and /path as needed")
		}
		return t, wantf("an address, a host or the word gateway")
	}
	t.Host = rest
	return t, nil
}

// cutPort takes ":port" from the end of "host:port" or "[address]:port" and returns the host. A port that is none becomes -1.
func (t *Target) cutPort(s string) string {
	host, port := s, ""
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 {
			t.Port = -1
			return ""
		}
		host, port = s[1:end], s[end+1:]
	case strings.Count(s, ":") == 1:
		i := strings.IndexByte(s, ':')
		host, port = s[:i], s[i:]
	}
	if port == "" {
		return host
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
	if err != nil || n == 0 || port[0] != ':' {
		t.Port = -1
		return ""
	}
	t.Port = int(n)
	return host
}

// checkTargetAddr refuses addresses that say nothing about a WAN.
func checkTargetAddr(a netip.Addr) error {
	switch {
	case a.IsUnspecified(), !unicast(a) && !a.IsLoopback() && !a.IsMulticast():
		return wantf("the address of a host")
	case a.IsLoopback():
		return wantf("an address beyond the WAN, not the router itself")
	case a.IsMulticast():
		return wantf("the address of one host, not multicast")
	case linkLocal(a):
		return wantf("an address with a meaning beyond the link; the next hop is the word gateway")
	}
	return nil
}

// For returns the targets that a WAN's side of that family is probed with. Only answers of those in counted decide; those in evidence
// are asked and shown beside them. The gateway counts where a family has no other target, else it is evidence: it answers also when
// everything behind it is dead. Host names count for both families. Loopback has one target, the far end, which needs no address.
func (p *Probe) For(f kstate.Family) (counted, evidence []Target) {
	if p.Method == loopback {
		return []Target{{Text: farEnd}}, nil
	}
	for _, text := range p.Targets {
		t, err := parseTarget(p.Method, text)
		if err != nil || (t.Addr.IsValid() && kstate.FamilyOf(t.Addr) != f) {
			continue
		}
		if t.Port == 0 {
			t.Port = p.Port
		}
		if t.Path == "" {
			t.Path = p.Path
		}
		if t.Gateway {
			evidence = append(evidence, t)
		} else {
			counted = append(counted, t)
		}
	}
	if len(counted) == 0 {
		return evidence, nil
	}
	return counted, evidence
}

// Needed returns how many of the counted targets of the family must answer: Reliability, or all where the family has fewer.
func (p *Probe) Needed(f kstate.Family) int {
	counted, _ := p.For(f)
	return min(p.Reliability, len(counted))
}
