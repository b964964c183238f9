package status

import (
	"fmt"
	"io"
	"strings"

	"multiwan/src/core/order"
)

// Burst is the outcome of `multiwan probe`: probes sent on request, by one WAN.
type Burst struct {
	_ order.Incomparable

	Interface string  `json:"interface"`
	Family    string  `json:"family"`
	Device    string  `json:"device"`
	Source    string  `json:"source"`
	Gateway   string  `json:"gateway"`
	Target    string  `json:"target"`
	Sent      int     `json:"sent"`
	Received  int     `json:"received"`
	Loss      float64 `json:"loss"`
	// Min, Mean, Max and Deviation of the round-trip times; absent where nothing was answered.
	Min       *float64 `json:"min_ms,omitempty"`
	Mean      *float64 `json:"mean_ms,omitempty"`
	Max       *float64 `json:"max_ms,omitempty"`
	Deviation *float64 `json:"deviation_ms,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// WriteBursts writes bursts for a terminal.
func WriteBursts(w io.Writer, bursts []Burst) error {
	var b strings.Builder
	for _, u := range bursts {
		via := ""
		if u.Gateway != "" {
			via = " via " + u.Gateway
		}
		fmt.Fprintf(&b, "%s %s: %s from %s dev %s%s\n", u.Interface, u.Family, u.Target, u.Source, u.Device, via)
		if u.Error != "" {
			fmt.Fprintf(&b, "  failed: %s\n", u.Error)
		}
		fmt.Fprintf(&b, "  %d sent, %d answered, %.0f %% lost", u.Sent, u.Received, u.Loss)
		if u.Mean != nil {
			fmt.Fprintf(&b, "; rtt min %.2f, mean %.2f, max %.2f, deviation %.2f ms", *u.Min, *u.Mean, *u.Max, *u.Deviation)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
