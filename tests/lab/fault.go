package lab

import (
	"fmt"
	"strings"
	"time"
)

// Fault is what is wrong with a WAN, beyond the router. The zero value is a
// sound line.
type Fault struct {
	Forward bool // drop what goes through the provider, both ways; its gateway still answers
	Input   bool // drop what is for the gateway itself, ARP and neighbour discovery excepted
	Ether   bool // drop every frame of the customer, ARP too
	NoPing  bool // the gateway does not answer pings
	// Loss is the share of packets lost at random each way, 0 to 1, in whole
	// per cent.
	Loss float64
}

// Fault replaces the faults of the WAN in one step and returns the time when
// that was done.
func (w *WAN) Fault(f Fault) time.Time {
	w.ISP.tb.Helper()
	w.fault = f
	var forward, input, output []string
	loss := fmt.Sprintf("numgen random mod 100 < %d drop", int(f.Loss*100+0.5))
	if f.Loss > 0 {
		forward, input = append(forward, loss), append(input, loss)
	}
	if f.Forward {
		forward = append(forward, "drop")
	}
	const neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept"
	if f.Input {
		input = append(input, neighbours, "iifname "+w.inner+" drop")
		output = append(output, neighbours, "oifname "+w.inner+" drop")
	}
	if f.NoPing {
		input = append(input, "icmp type echo-request drop", "icmpv6 type echo-request drop")
	}
	var b strings.Builder
	b.WriteString("table inet fault\ndelete table inet fault\ntable netdev fault\ndelete table netdev fault\ntable inet fault {\n")
	for hook, rules := range map[string][]string{"forward": forward, "input": input, "output": output} {
		fmt.Fprintf(&b, "chain %s { type filter hook %s priority -300;\n%s\n}\n", hook, hook, strings.Join(rules, "\n"))
	}
	b.WriteString("}\n")
	if f.Ether {
		fmt.Fprintf(&b, "table netdev fault { chain c { type filter hook ingress device %q priority -500; policy drop;\n}\n}\n", w.inner)
	}
	w.ISP.NFT(b.String())
	return time.Now()
}

// BlackHole makes the WAN lose every packet in silence, its gateway's answers
// included, while ARP still works and the carrier stays.
func (w *WAN) BlackHole() time.Time {
	w.ISP.tb.Helper()
	return w.Fault(Fault{Forward: true, Input: true})
}

// CutInternet loses everything beyond the gateway, which itself answers.
func (w *WAN) CutInternet() time.Time {
	w.ISP.tb.Helper()
	return w.Fault(Fault{Forward: true})
}

// Silence loses every frame, ARP too, while the carrier stays.
func (w *WAN) Silence() time.Time {
	w.ISP.tb.Helper()
	return w.Fault(Fault{Forward: true, Input: true, Ether: true})
}

// Heal ends every fault of [WAN.Fault].
func (w *WAN) Heal() time.Time {
	w.ISP.tb.Helper()
	return w.Fault(Fault{})
}

// CarrierDown pulls the plug: the router's device loses its carrier. It works
// for NICs of their own; of a shared NIC every WAN loses it.
func (w *WAN) CarrierDown() time.Time {
	w.ISP.tb.Helper()
	w.carrier("down")
	return time.Now()
}

// CarrierUp plugs it in again and puts back what the provider's side lost.
func (w *WAN) CarrierUp() time.Time {
	w.ISP.tb.Helper()
	w.carrier("up")
	return time.Now()
}

func (w *WAN) carrier(state string) {
	w.ISP.tb.Helper()
	switch w.Kind {
	case Ethernet, SameSubnet:
	case RelayedEther, Tunnel:
		if err := w.Line.SetCarrier(state == "up"); err != nil {
			w.ISP.tb.Fatalf("%s: carrier %s: %v", w.Name, state, err)
		}
		return
	default:
		w.ISP.tb.Fatalf("%s: the carrier of this kind of WAN cannot be pulled", w.Name)
	}
	// keep_addr_on_down: global IPv6 addresses go with the link otherwise, and the
	// provider's side is not what is under test. Link-local ones go in any case.
	w.ISP.Sysctl("net/ipv6/conf/"+w.inner+"/keep_addr_on_down", "1")
	w.ISP.IP("link set dev %s %s", w.inner, state)
	if state == "down" {
		return
	}
	if w.Gateway6.IsValid() {
		w.ISP.AddAddr(w.inner, w.Gateway6.String()+"/64")
	}
	if w.Prefix6.IsValid() {
		w.ISP.IP("-6 route replace %s via %s dev %s", w.Prefix6, w.Addr6, w.inner)
	}
	w.ISP.waitRunning(w.inner)
	w.router.waitRunning(w.Device)
}

// SetGatewayMAC gives the provider's device another hardware address, without
// telling the router, which has to ask again.
func (w *WAN) SetGatewayMAC(mac string) time.Time {
	w.ISP.tb.Helper()
	w.ISP.SetMAC(w.inner, mac)
	return time.Now()
}
