package nft_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/kernel/nft"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// TestListing compares what nft(8) lists of the corpus with testdata/corpus.nft, and applies it twice.
func TestListing(t *testing.T) {
	c := namespace(t)
	ctx := t.Context()
	if changed, err := c.Apply(ctx, corpus(), nft.Observed{}, nil); err != nil || !changed {
		t.Fatalf("apply: changed %v, %v", changed, err)
	}
	got := cli(t, "-n", "list", "ruleset")
	const golden = "testdata/corpus.nft"
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("nft list ruleset (-want +got):\n%s", d)
	}
	have, err := c.Observe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := nft.Diff(corpus(), have); err != nil || len(lines) != 0 {
		t.Errorf("after apply differs, %v:\n%s", err, strings.Join(lines, "\n"))
	}
	if changed, err := c.Apply(ctx, corpus(), have, nil); err != nil || changed {
		t.Errorf("second apply: changed %v, %v", changed, err)
	}
	if again, _ := c.Observe(ctx); again.Generation != have.Generation {
		t.Errorf("second apply made generation %d of %d", again.Generation, have.Generation)
	}
	if err := c.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	if left := cli(t, "list", "ruleset"); left != "" {
		t.Errorf("after delete:\n%s", left)
	}
}

// TestText gives the texts of the corpus to nft(8).
func TestText(t *testing.T) {
	namespace(t)
	for _, table := range corpus() {
		for i, c := range table.Chains {
			table.Chains[i].Rules = nil
			for _, r := range c.Rules {
				if !strings.Contains(r.String(), "dscp") { // a word of ours: nft(8) wants "ip dscp" or "ip6 dscp"
					table.Chains[i].Rules = append(table.Chains[i].Rules, r)
				}
			}
		}
		load(t, table.String(), "-c")
	}
}
