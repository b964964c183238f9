package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/plan"
	"multiwan/src/core/plan/cases"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readCase reads a set-up of package cases.
func readCase(t testing.TB, name string) (*config.Config, plan.Facts) {
	t.Helper()
	c, f, err := cases.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

// render is the whole plan as text.
func render(p *plan.Plan) string {
	var b strings.Builder
	line := func(key, text string) { fmt.Fprintf(&b, "%s\n\t# %s\n", text, p.Why[key]) }
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, x := range p.Policies {
		fmt.Fprintf(&b, "policy %s: %v %v\n", x.Name, x.State, x.Active)
	}
	for _, s := range p.Want.Sysctls {
		line(s.Key(), s.String())
	}
	for _, n := range p.Want.Nexthops {
		line(n.Key(), n.String())
	}
	for _, r := range p.Want.Routes {
		line(r.Key(), r.String())
	}
	for _, r := range p.Want.Rules {
		line(r.Key(), r.String())
	}
	for _, t := range p.Want.Tables {
		b.WriteString(t.String())
	}
	return b.String()
}

func TestCompute(t *testing.T) {
	if n := len(cases.Names()); n < 20 {
		t.Fatalf("%d cases", n)
	}
	for _, name := range cases.Names() {
		t.Run(name, func(t *testing.T) {
			c, f := readCase(t, name)
			p := plan.Compute(c, f)
			got := render(p)
			golden := filepath.Join("cases", name, "plan.golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("plan differs (-want +got):\n%s", diff)
			}
			checkPlan(t, p)
		})
	}
}

// checkPlan holds what is true of every plan: each object has a reason, keys are unique, verdicts lead somewhere.
func checkPlan(t *testing.T, p *plan.Plan) {
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
	for _, r := range p.Want.Rules {
		check(r.Key())
	}
	for _, r := range p.Want.Routes {
		check(r.Key())
	}
	for _, n := range p.Want.Nexthops {
		check(n.Key())
	}
	for _, tb := range p.Want.Tables {
		known := map[string]bool{}
		for _, c := range tb.Chains {
			if known[c.Name] {
				t.Errorf("chain %s stands twice", c.Name)
			}
			known[c.Name] = true
		}
		for _, s := range tb.Sets {
			known["@"+s.Name] = true
		}
		for _, word := range strings.Fields(strings.NewReplacer(",", " ").Replace(tb.String())) {
			if strings.HasPrefix(word, "@") && !known[word] {
				t.Errorf("set %s does not stand", word)
			}
		}
		for _, c := range tb.Chains {
			for _, r := range c.Rules {
				words := strings.Fields(strings.ReplaceAll(r.String(), ",", " "))
				for i, w := range words {
					if (w == "goto" || w == "jump") && !known[words[i+1]] {
						t.Errorf("chain %s leads to %s, which does not stand", c.Name, words[i+1])
					}
				}
			}
		}
	}
}
