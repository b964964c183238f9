package hitless

import (
	"encoding/json"
	"testing"

	"multiwan/tests/lab"
)

// path is what the status says of a path.
type path struct {
	Interface, State, Reason string
	Sent, Received           int
	Delivered                float64
}

// paths of the pseudowire at a site.
func paths(t *testing.T, s *lab.Site) []path {
	t.Helper()
	out, err := s.Daemon.CLI("status", "--json")
	var doc struct {
		Pseudowires map[string]struct {
			Redundancy struct{ Paths []path }
		}
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &doc)
	}
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return doc.Pseudowires["pw"].Redundancy.Paths
}
