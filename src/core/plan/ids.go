package plan

import (
	"fmt"
	"math/bits"

	"multiwan/src/core/config"
)

// Ids of WANs in marks: 1 to MaxWANs; the two above it mark packets that no WAN may carry.
const (
	MaxWANs       = 61
	idBlackhole   = 62
	idUnreachable = 63
)

// policyTableOffset is where the tables of policies begin, after those of the WANs.
const policyTableOffset = 64

// Offsets of the rules from config.Globals.RuleBase, in the order of evaluation.
const (
	prioProbe        = 0   // fwmark PROBE_i: probes
	prioOtherWAN     = 100 // a bound source never leaves by another WAN's connected route
	prioBoundLAN     = 150 // bound sources reach LANs
	prioMarked       = 160 // marks that the router's packets got after their source was chosen
	prioBound        = 200 // bound sources, replies, outer packets of kernel tunnels
	prioResolverDown = 390 // resolvers beside a WAN that is down
	prioMain         = 400 // connected, static and VPN routes win for everything else
	prioForward      = 500 // forwarded connections, as chosen by policy
	prioForwardDown  = 510 // … whose WAN is down
	prioPrefix       = 560 // forwarded hosts with addresses of a WAN that no policy marked
	prioRouter       = 600 // rules for the router's own traffic
	prioResolver     = 899 // the router's questions to resolvers
	prioRouterOthers = 900 // the router's other traffic
)

// The rules for the router's own traffic have room between their first priority and the next one.
const _ = uint(prioResolver - prioRouter - config.MaxRouterRules)

// mark returns the packet mark of an id under the configured mask.
func mark(g config.Globals, id int) uint32 {
	return uint32(id) << bits.TrailingZeros32(g.MarkMask)
}

// AssignIDs gives every name an id from 1 to max. Names keep the id they have in known, whatever their order, since marks of live
// connections and tables are made of it; new names take the lowest that no other known name holds. Ids of names that are gone are used
// again only when no other is left.
func AssignIDs(names []string, known map[string]int, max int) (map[string]int, error) {
	ids := make(map[string]int, len(names))
	taken := make(map[int]bool)
	for _, n := range names {
		if id := known[n]; id >= 1 && id <= max && !taken[id] {
			ids[n], taken[id] = id, true
		}
	}
	reserved := make(map[int]bool)
	for _, id := range known {
		reserved[id] = true
	}
	for _, n := range names {
		if ids[n] != 0 {
			continue
		}
		id := lowestFree(max, func(i int) bool { return taken[i] || reserved[i] })
		if id == 0 {
			id = lowestFree(max, func(i int) bool { return taken[i] })
		}
		if id == 0 {
			return nil, fmt.Errorf("assign an id to %q: all %d are taken", n, max)
		}
		ids[n], taken[id] = id, true
	}
	return ids, nil
}

func lowestFree(max int, used func(int) bool) int {
	for i := 1; i <= max; i++ {
		if !used(i) {
			return i
		}
	}
	return 0
}
