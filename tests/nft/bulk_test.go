package nft_test

import (
	"fmt"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/nft"
)

func manyPrefixes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("2001:db8:%x::/49", i)
	}
	return out
}

// bulk is a table of one chain with n rules.
func bulk(n int) []kstate.Table {
	rules := make([]kstate.NftRule, n)
	for i := range rules {
		rules[i] = rule(is("meta nfproto", "ipv4"), is("ip saddr", fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)), is("th dport", "80", "443"), mark("meta mark", 0x01000000, 0x7f000000))
	}
	return []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{{Name: "bulk", Rules: rules}}}}
}

// TestBulk loads two thousand rules, more than acknowledgements would fit the socket.
func TestBulk(t *testing.T) {
	c := namespace(t)
	apply(t, c, bulk(2000))
}

// BenchmarkObserve reads a table of 200 rules: cached while nothing moves, and after each foreign change.
func BenchmarkObserve(b *testing.B) {
	c := namespace(b)
	if _, err := c.Apply(b.Context(), bulk(200), nft.Observed{}, nil); err != nil {
		b.Fatal(err)
	}
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Observe(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("apply and read", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			want := bulk(200)
			want[0].Chains[0].Rules = want[0].Chains[0].Rules[i%2:]
			have, err := c.Observe(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if changed, err := c.Apply(b.Context(), want, have, nil); err != nil || i > 0 && !changed {
				b.Fatal(changed, err)
			}
		}
	})
}
