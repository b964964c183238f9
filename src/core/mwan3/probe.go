package mwan3

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"multiwan/src/core/uci"
)

// settings are the options of a probe in the order in which they are written,
// empty where the file gives none.
type settings struct {
	method, port, query, reliability, interval, timeout, down, up, downInterval string
	size, lossDown, lossUp, latencyDown, latencyUp                              string
}

// probes writes how a WAN is watched: one probe for both families where mwan3
// watched them alike, otherwise one each.
func (im *importer) probes(sides []*half) (sections []*uci.Section, names []string) {
	var last settings
	for _, h := range sides {
		s, targets := h.probe()
		if len(targets) == 0 {
			continue
		}
		if len(sections) > 0 && s == last {
			o := sections[0].Options[1]
			for _, target := range targets {
				if v := (uci.Value{Text: target}); !slices.Contains(o.Values, v) { // names and gateway
					o.Values = append(o.Values, v)
				}
			}
			continue
		}
		last = s
		if s.interval == "" {
			h.note("interval", uci.Value{}, "mwan3 asks every 10 s and takes 50 s and more to find a failure; multiwan asks every second and finds it within 3 s. Set probe.interval where traffic is dear")
		}
		name := im.name(h.Name + "_probe")
		sections = append(sections, s.section(name, targets))
		names = append(names, name)
	}
	return sections, names
}

func (s settings) section(name string, targets []string) *uci.Section {
	t := newTarget("probe", name, false)
	t.option("method", s.method)
	t.list("target", targets...)
	for _, o := range [][2]string{
		{"port", s.port}, {"query", s.query}, {"reliability", s.reliability}, {"interval", s.interval},
		{"timeout", s.timeout}, {"down", s.down}, {"up", s.up}, {"down_interval", s.downInterval}, {"size", s.size},
		{"loss_down", s.lossDown}, {"loss_up", s.lossUp}, {"latency_down", s.latencyDown}, {"latency_up", s.latencyUp},
	} {
		t.option(o[0], o[1])
	}
	return t.Section
}

// probe reads how mwan3 watches an interface.
func (h *half) probe() (settings, []string) {
	var s settings
	if len(h.list("track_ip")) == 0 {
		h.note("track_ip", uci.Value{}, "mwan3 never judges such an interface; here the built-in probe does")
		for _, option := range tracking {
			h.note1(option, "not carried over: without track_ip it does nothing")
		}
		return s, nil
	}
	h.method(&s)
	targets := h.targets(s.method)
	if len(targets) == 0 {
		for _, option := range tracking {
			h.note1(option, "not carried over: no target is left, so the built-in probe watches")
		}
		return s, nil
	}
	h.rounds(&s, targets)
	h.pace(&s)
	h.quality(&s)
	if h.on("track_gateway", false) {
		targets = append(targets, "gateway")
		h.note1("track_gateway", "target 'gateway': beside other targets it is evidence only, since a gateway alone answers for ever")
	}
	return s, targets
}

// tracking are mwan3's options that only a tracker reads.
var tracking = []string{
	"track_gateway", "track_method", "httping_ssl", "reliability", "count", "timeout", "interval", "down", "up", "size", "failure_interval",
	"keep_failure_interval", "recovery_interval", "check_quality", "failure_latency", "recovery_latency", "failure_loss", "recovery_loss",
}

// note1 reports an option if it is given.
func (h *half) note1(option, why string, args ...any) {
	if v := h.get(option); v.Text != "" {
		h.note(option, v, why, args...)
	}
}

// method translates track_method; what mwan3 does not know or cannot do it
// replaces by ping.
func (h *half) method(s *settings) {
	s.method = "ping"
	v := h.get("track_method")
	switch v.Text {
	case "", "ping", "nping-icmp":
	case "arping", "nping-arp":
		if h.family == "ipv6" {
			h.note("track_method", v, "mwan3 cannot do that with IPv6 and pings instead, and so does the probe; method 'arping' would ask by neighbour solicitation")
			break
		}
		s.method = "arping"
	case "httping":
		s.method, s.port = "http", ""
		if h.on("httping_ssl", false) {
			s.method, s.port = "tcp", "443"
			h.note("httping_ssl", h.get("httping_ssl"), "a connection to port 443 is asked for, without TLS")
		}
	case "nping-tcp":
		s.method, s.port = "tcp", "80" // nping's default
	case "nslookup":
		s.method, s.query = "dns", "www.google.com" // what mwan3 asks for
	case "nping-udp":
		h.note("track_method", v, "replaced by ping: a UDP port that stays silent proves nothing")
	default:
		h.note("track_method", v, "mwan3 does not know it and pings, and so does the probe")
	}
	if v.Text != "httping" {
		h.note1("httping_ssl", "not carried over: without track_method httping it does nothing")
	}
}

// targets returns the addresses that can be asked.
func (h *half) targets(method string) []string {
	var targets []string
	given := make(map[string]bool)
	for _, v := range h.list("track_ip") {
		for _, word := range strings.Fields(v.Text) {
			if why := h.targetError(word, method); why != "" {
				h.note("track_ip", v, "not carried over: %s", why)
			} else if key := sameTarget(word); !given[key] {
				given[key] = true
				targets = append(targets, word)
			}
		}
	}
	return targets
}

// sameTarget is equal for two spellings of one address.
func sameTarget(word string) string {
	if addr, err := netip.ParseAddr(word); err == nil {
		return addr.String()
	}
	return word
}

func (h *half) targetError(word, method string) string {
	addr, err := netip.ParseAddr(word)
	switch {
	case err != nil && (method == "ping" || method == "arping"):
		return fmt.Sprintf("%s takes addresses, not names", method)
	case err != nil && !hostName(word):
		return "neither an address nor a host name"
	case err == nil && (addr.Is4() != (h.family == "ipv4") || addr.Is4In6()):
		return fmt.Sprintf("the interface is for %s", h.family)
	case err == nil && (!addr.IsGlobalUnicast() || addr.Zone() != "" || addr.Is4() && (addr.As4()[0] == 0 || addr.As4()[0] >= 240)) && !(addr.Is4() && addr.IsLinkLocalUnicast()):
		return "not the address of one host beyond the link"
	}
	return ""
}

// hostName tells names (RFC 1123 section 2.1) from mistyped addresses.
func hostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(s) <= 253 && strings.Trim(s, "0123456789.") != ""
}
