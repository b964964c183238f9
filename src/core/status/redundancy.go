package status

import (
	"fmt"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
)

// Redundancy is how the packets of a pseudowire are duplicated.
type Redundancy struct {
	Mode string `json:"mode"` // duplicate
	// Copies says which packets are copied: all, small or dscp with code points; Rate limits those of a path, in kbit/s, 0: no limit.
	Copies string `json:"copies"`
	Rate   int    `json:"rate_kbit,omitempty"`
	// Window is how many packets one path may be behind another.
	Window int `json:"window"`
	// Behind is how many packets the slowest line is behind the fastest now: difference of their round-trip times by packets a second.
	Behind int    `json:"behind"`
	Paths  []Path `json:"paths"`
}

// Path is one way of a duplicated pseudowire.
type Path struct {
	_ order.Incomparable

	Interface string `json:"interface"`
	Device    string `json:"device"`
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	// State is first (packets go by it as they are), copies, nat, down, or silent: nothing comes by it while others deliver.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Sent counts copies, Received packets of the far end that came by the path, since the rules stand.
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	// Delivered is the part of the packets of the last seconds that came by it, of what the best path brought, in per cent.
	Delivered *float64 `json:"delivered,omitempty"`
}

// Silent is the state of a path by which nothing comes while another delivers.
const Silent = "silent"

func (s *Source) redundancy(w overlay.PseudowirePlan) *Redundancy {
	r := w.Redundancy
	if r == nil {
		return nil
	}
	out := &Redundancy{Mode: "duplicate", Copies: strings.TrimSpace(r.Copies + " " + strings.Trim(fmt.Sprint(r.DSCP), "[]")), Rate: r.Rate, Window: r.Window, Paths: []Path{}}
	var best, last uint64
	for _, p := range r.Paths {
		a := s.Sites.Arrivals[p.Received]
		best, last = max(best, a.Last(overlay.Readings)), max(last, a.Last(int(time.Second/overlay.ArrivalEvery)))
	}
	silent := r.Silent(func(counter string) overlay.Arrivals { return s.Sites.Arrivals[counter] })
	for i, p := range r.Paths {
		x := Path{Interface: p.WAN, Device: p.Device, Local: addrText(p.Local), Remote: addrText(p.Remote), State: p.State, Reason: p.Reason,
			Sent: s.Hits[p.Sent], Received: s.Hits[p.Received]}
		used := x.State == overlay.PathFirst || x.State == overlay.PathCopies
		if best > 0 && used {
			x.Delivered = number(100*float64(s.Sites.Arrivals[p.Received].Last(overlay.Readings))/float64(best), 1)
		}
		if silent[i] {
			x.State, x.Reason = Silent, "nothing comes by it, while the other paths deliver"
		}
		out.Paths = append(out.Paths, x)
	}
	out.Behind = int(s.spread(r).Seconds() * float64(last))
	return out
}

// spread is the difference of the round-trip times of the lines.
func (s *Source) spread(r *overlay.RedundancyPlan) time.Duration {
	var least, most time.Duration
	for _, p := range r.Paths {
		if rtt := s.Health[p.WAN][kstate.FamilyOf(p.Remote)].RTT; rtt > 0 {
			most = max(most, rtt)
			if least == 0 || rtt < least {
				least = rtt
			}
		}
	}
	return most - least
}

// note says in one line how the paths do.
func (r *Redundancy) note() string {
	var parts []string
	for _, p := range r.Paths {
		part := p.Interface + " to " + p.Remote + " " + p.State
		if p.Delivered != nil && p.State != Silent {
			part += fmt.Sprintf(", delivers %.0f %%", *p.Delivered)
		}
		if p.Reason != "" {
			part += " (" + p.Reason + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// warnings are what a user should know of the paths: those that carry no copies by the nature of the line.
func (r *Redundancy) warnings(name string) []string {
	var out []string
	for _, p := range r.Paths {
		if p.State == overlay.PathNAT {
			out = append(out, fmt.Sprintf("pseudowire %s: interface %s carries no copies: %s", name, p.Interface, p.Reason))
		}
	}
	if !order.Any(len(r.Paths), func(i int) bool { return r.Paths[i].State == overlay.PathCopies || r.Paths[i].State == Silent }) {
		out = append(out, fmt.Sprintf("pseudowire %s: no path carries copies, packets are lost when its line dies", name))
	}
	if 2*r.Behind > r.Window {
		out = append(out, fmt.Sprintf("pseudowire %s: its slowest line is %d packets behind the fastest, of the %d that IPsec remembers: beyond those, packets are lost when a line heals", name, r.Behind, r.Window))
	}
	return out
}

// metrics adds the numbers of each path.
func (r *Redundancy) metrics(name string, add adder) {
	if r == nil {
		return
	}
	for _, p := range r.Paths {
		labels := []string{"pseudowire", name, "interface", p.Interface, "remote", p.Remote}
		add("pseudowire_path_up", "gauge", "1 while packets or copies go by the path and it is not silent.", oneIf(p.State == overlay.PathFirst || p.State == overlay.PathCopies), labels...)
		add("pseudowire_path_copies_total", "counter", "Copies sent by the path.", float64(p.Sent), labels...)
		add("pseudowire_path_received_packets_total", "counter", "Packets of the far end that came by the path.", float64(p.Received), labels...)
	}
}
