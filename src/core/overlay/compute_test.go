package overlay

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render is the whole plan as text.
func render(p *Plan) string {
	var b strings.Builder
	line := func(key, text string) { fmt.Fprintf(&b, "%s\n\t# %s\n", text, p.Why[key]) }
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, x := range p.Pseudowires {
		r := x.Redundancy
		x.Redundancy = nil
		fmt.Fprintf(&b, "pseudowire %s\n", strings.Replace(fmt.Sprintf("%+v", x), " Redundancy:<nil>", "", 1))
		if r != nil {
			fmt.Fprintf(&b, "\t%s, %d kbit/s, window %d\n", r.Copies, r.Rate, r.Window)
			for _, p := range r.Paths {
				fmt.Fprintf(&b, "\t%+v\n", p)
			}
		}
	}
	for _, x := range p.Bonds {
		fmt.Fprintf(&b, "bond %+v\n", x)
	}
	for _, x := range p.Tunnels {
		fmt.Fprintf(&b, "tunnel %+v\n", x)
	}
	fmt.Fprintf(&b, "resolve %v, sources %v, paths %v\n", p.Resolve, p.Sources, p.Remotes)
	for _, x := range p.Conns {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Blocks {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Tunnels {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Sessions {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Links {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Mirrors {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Addrs {
		line(x.Key(), x.String())
	}
	for _, x := range p.Want.Ports {
		line(x.Key(), x.String())
	}
	for _, x := range p.Rules {
		line(x.Key(), x.String())
	}
	for _, x := range p.Routes {
		line(x.Key(), x.String())
	}
	for _, t := range p.Tables {
		b.WriteString(t.String())
	}
	return strings.ReplaceAll(b.String(), "_:[] ", "")
}

func TestCompute(t *testing.T) {
	for name, build := range worlds() {
		t.Run(name, func(t *testing.T) {
			w := build()
			p := Compute(w.c, w.f)
			got := render(p)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("plan differs (-want +got):\n%s", d)
			}
			if strings.Contains(got, "not to be shown") {
				t.Error("shows a key")
			}
			checkPlan(t, p)
		})
	}
}

// checkPlan holds what is true of every plan.
func checkPlan(t *testing.T, p *Plan) {
	t.Helper()
	keys := map[string]bool{}
	check := func(key string) {
		if keys[key] {
			t.Errorf("planned twice: %s", key)
		}
		keys[key] = true
		if p.Why[key] == "" {
			t.Errorf("no reason: %s", key)
		}
	}
	devices := map[string]bool{}
	for _, x := range p.Want.Links {
		check(x.Key())
		devices[x.Name] = true
		if len(x.Name) > 15 {
			t.Errorf("name too long: %s", x)
		}
	}
	for _, x := range p.Want.Tunnels {
		check(x.Key())
	}
	for _, x := range p.Want.Sessions {
		check(x.Key())
		if !keys[fmt.Sprintf("l2tp tunnel %d", x.Tunnel)] || !devices[x.Device] {
			t.Errorf("no tunnel or device: %s", x)
		}
	}
	for _, x := range p.Want.Blocks {
		check(x.Key())
	}
	for _, x := range p.Want.Ports {
		check(x.Key())
	}
	for _, x := range p.Want.Addrs {
		check(x.Key())
		if x.Device != "lo" && !devices[x.Device] {
			t.Errorf("no device: %s", x)
		}
	}
	for _, x := range p.Want.Mirrors {
		check(x.Key())
		if !devices[x.From] || !devices[x.To] {
			t.Errorf("no device: %s", x)
		}
	}
	for _, x := range p.Conns {
		check(x.Key())
	}
	for _, x := range p.Rules {
		check(x.Key())
	}
	for _, w := range p.Pseudowires {
		if (w.State == Ready) != (w.Reason == "") {
			t.Errorf("%s is %s because %q", w.Name, w.State, w.Reason)
		}
	}
}

// TestHalfProtected: over IP the guards of one pseudowire know the two ends alone, so another between them that is in clear is refused.
func TestHalfProtected(t *testing.T) {
	w := transport()
	one := w.c.Pseudowires[0]
	one.Encap, one.LocalPort, one.RemotePort = "ip", 0, 0
	two := one
	two.Name, two.Device, two.TunnelID, two.SessionID, two.IPsec = "plain", "plain", 77, 77, ""
	for _, both := range []bool{false, true} {
		if both {
			two.IPsec = one.IPsec
		}
		w.c.Pseudowires = append(w.c.Pseudowires[:0:0], one, two)
		p := Compute(w.c, w.f)
		if got := p.Pseudowires[1]; (got.State == Refused) == both || p.Pseudowires[0].State == Refused {
			t.Errorf("both protected %v: %s, %s %s", both, p.Pseudowires[0].State, got.State, got.Reason)
		}
	}
}
