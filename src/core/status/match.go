package status

import (
	"fmt"
	"net/netip"
	"strings"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

// MatchText says in words which traffic a rule takes, for example "ipv4 udp from 192.168.1.20 to 10.0.0.0/8 port 53,5060-5080".
func MatchText(r config.Rule) string {
	var parts []string
	add := func(word string, not bool, items []string) {
		if len(items) == 0 {
			return
		}
		if not {
			word = strings.TrimLeft(word+" not", " ")
		}
		parts = append(parts, strings.TrimLeft(word+" "+strings.Join(items, ","), " "))
	}
	if r.Family != 0 {
		parts = append(parts, r.Family.String())
	}
	var protos []string
	for _, p := range r.Proto {
		protos = append(protos, p.Name)
	}
	add("", false, protos)
	add("from", r.Src.Not, texts(r.Src.List, prefixText))
	add("port", r.Sport.Not, texts(r.Sport.List, kstate.PortRange.String))
	add("in by", r.SrcIface.Not, r.SrcIface.List)
	add("to", r.Dest.Not, texts(r.Dest.List, prefixText))
	if r.NFTSet != "" {
		add("to set", r.NFTSetNot, []string{r.NFTSet})
	}
	add("port", r.Dport.Not, texts(r.Dport.List, kstate.PortRange.String))
	add("dscp", r.DSCP.Not, texts(r.DSCP.List, func(n uint8) string { return fmt.Sprint(n) }))
	if r.UID.Set {
		parts = append(parts, fmt.Sprintf("uid %d-%d", r.UID.Lo, r.UID.Hi))
	}
	if r.Mask != 0 {
		parts = append(parts, fmt.Sprintf("fwmark %#x/%#x", r.Fwmark, r.Mask))
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}

func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = text(v)
	}
	return out
}

// prefixText leaves the length of a host address away.
func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
