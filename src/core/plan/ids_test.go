package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAssignIDs(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		known map[string]int
		max   int
		want  map[string]int
	}{
		{"fresh", []string{"a", "b"}, nil, 61, map[string]int{"a": 1, "b": 2}},
		{"order of the file does not matter", []string{"b", "a"}, map[string]int{"a": 1, "b": 2}, 61, map[string]int{"a": 1, "b": 2}},
		{"a name that is gone keeps its id reserved", []string{"c", "b"}, map[string]int{"a": 1, "b": 2}, 61, map[string]int{"b": 2, "c": 3}},
		{"until nothing else is left", []string{"c", "b"}, map[string]int{"a": 1, "b": 2}, 2, map[string]int{"b": 2, "c": 1}},
		{"known ids out of range or taken twice are dealt anew", []string{"a", "b", "c"}, map[string]int{"a": 99, "b": 1, "c": 1}, 61, map[string]int{"a": 2, "b": 1, "c": 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AssignIDs(c.names, c.known, c.max)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := AssignIDs([]string{"a", "b", "c"}, nil, 2); err == nil {
		t.Error("three names got ids out of two")
	}
}

// TestSequence holds that a round has exactly the weighted shares, evenly spread.
func TestSequence(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1}, "AB"}, {[]int{3, 2}, "ABABA"}, {[]int{1, 2, 3}, "CBACBC"}, {[]int{1}, "A"},
	} {
		var active []Share
		for i, w := range c.weights {
			active = append(active, Share{WAN: string(rune('A' + i)), Weight: w})
		}
		got := ""
		for _, s := range sequence(active) {
			got += s
		}
		if got != c.want {
			t.Errorf("sequence(%v) = %s, want %s", c.weights, got, c.want)
		}
	}
	var many []Share
	for i := range 60 {
		many = append(many, Share{WAN: fmt.Sprint(i), Weight: 1 + 997*(i%7)})
	}
	if n := len(sequence(many)); n > maxSequence+60 {
		t.Errorf("a round of %d slots", n)
	}
}
