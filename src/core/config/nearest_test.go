package config

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"metric", "weight", "snat", "snat6", "src_ip", "src_port", "interface", "uid"}
	for in, want := range map[string]string{
		"metrik": "metric", "wieght": "weight", "snat4": "snat", "snat6x": "snat6", "srcip": "src_ip", "src-port": "src_port", "interfaces": "interface",
		"intreface": "interface", "udi": "uid", "": "", "zebra": "", "x": "", "metricmetric": "", "METRIC": "",
	} {
		if got := nearest(in, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"wan", "wna", 1},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
