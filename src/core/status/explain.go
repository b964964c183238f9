package status

import (
	"fmt"
	"io"
	"strings"

	"multiwan/src/core/order"
)

// Explanation says where one connection goes and why, as the plan has it and as the kernel answers.
type Explanation struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Protocol    string `json:"protocol"`
	Port        int    `json:"port"`
	Origin      string `json:"origin"` // forwarded, or router: its own traffic
	Rule        string `json:"rule"`
	Match       string `json:"match"`
	Policy      string `json:"policy"`
	State       string `json:"state"`
	Ways        []Way  `json:"ways"`
	// Kernel is the kernel's answer where there is no way (a refusal, the main table).
	Kernel *KernelAnswer `json:"kernel,omitempty"`
	Agrees bool          `json:"agrees"`
	Notes  []string      `json:"notes"`
}

// Way is one WAN that the connection may take.
type Way struct {
	_ order.Incomparable

	Interface string       `json:"interface"`
	Percent   float64      `json:"share"`
	Mark      string       `json:"mark"`
	Table     uint32       `json:"table"`
	Device    string       `json:"device"`
	Gateway   string       `json:"gateway"`
	SNAT      string       `json:"snat"`
	Kernel    KernelAnswer `json:"kernel"`
	Agrees    bool         `json:"agrees"`
}

// KernelAnswer is the kernel's own decision about the packet (RTM_GETROUTE).
type KernelAnswer struct {
	_ order.Incomparable

	Type    string `json:"type"` // unicast, local, prohibit, unreachable, blackhole …; "" where it could not be asked
	Table   uint32 `json:"table"`
	Device  string `json:"device"`
	Gateway string `json:"gateway"`
	Source  string `json:"source"`
	Error   string `json:"error,omitempty"`
}

// String returns the answer in the words of ip(8).
func (k KernelAnswer) String() string {
	if k.Error != "" {
		return "no answer: " + k.Error
	}
	s := k.Type
	for _, p := range []struct{ word, value string }{{"via", k.Gateway}, {"dev", k.Device}, {"src", k.Source}} {
		if p.value != "" {
			s += " " + p.word + " " + p.value
		}
	}
	if k.Table != 0 {
		s += fmt.Sprintf(" table %d", k.Table)
	}
	return s
}

// WriteExplanation writes the answer for a terminal.
func WriteExplanation(w io.Writer, e *Explanation) error {
	var b strings.Builder
	flow := strings.TrimSpace(e.Protocol + " " + e.Source + " -> " + e.Destination)
	if e.Port != 0 {
		flow += fmt.Sprintf(" port %d", e.Port)
	}
	origin := e.Origin
	if origin == "router" {
		origin = "sent by the router itself"
	}
	fmt.Fprintf(&b, "%s, %s\n", flow, origin)
	if e.Rule != "" {
		fmt.Fprintf(&b, "rule    %s (%s)\n", e.Rule, e.Match)
	} else {
		b.WriteString("rule    none matches\n")
	}
	fmt.Fprintf(&b, "policy  %s (%s)\n", e.Policy, e.State)
	for _, y := range e.Ways {
		via := ""
		if y.Gateway != "" {
			via = " via " + y.Gateway
		}
		fmt.Fprintf(&b, "wan     %s, %.0f %%:%s dev %s, table %d, mark %s, snat %s\n", y.Interface, y.Percent, via, y.Device, y.Table, y.Mark, y.SNAT)
		fmt.Fprintf(&b, "kernel  %s%s\n", y.Kernel, agreement(y.Agrees))
	}
	if e.Kernel != nil {
		fmt.Fprintf(&b, "kernel  %s%s\n", e.Kernel, agreement(e.Agrees))
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "note    %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func agreement(agrees bool) string {
	if agrees {
		return " (agrees)"
	}
	return " (DIFFERS)"
}
