package link

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

// mirrored returns the devices that the filters of a device redirect to, as tc(8) shows them.
func mirrored(t *testing.T, h *lab.Host, dev string) (to []string) {
	t.Helper()
	out, err := h.Exec("", "tc", "-j", "filter", "show", "dev", dev, "ingress")
	must(t, err)
	if strings.TrimSpace(out) == "" {
		return nil
	}
	var list []struct {
		Protocol, Kind string
		Pref           int
		Options        struct {
			Handle  int
			Actions []struct {
				Kind, Direction string
				Action          string                `json:"mirred_action"`
				ToDev           string                `json:"to_dev"`
				Control         struct{ Type string } `json:"control_action"`
			}
		}
	}
	must(t, json.Unmarshal([]byte(out), &list))
	for _, f := range list {
		if f.Kind != "matchall" || f.Pref != kstate.MirrorPriority || f.Options.Handle == 0 {
			continue
		}
		a := f.Options.Actions[0]
		if f.Protocol != "all" || a.Kind != "mirred" || a.Action != "redirect" || a.Direction != "egress" || a.Control.Type != "stolen" {
			t.Errorf("%s: tc shows %s", dev, out)
		}
		to = append(to, a.ToDev)
	}
	return to
}

func qdiscs(t *testing.T, h *lab.Host, dev string) string {
	t.Helper()
	out, err := h.Exec("", "tc", "qdisc", "show", "dev", dev)
	must(t, err)
	return out
}

func TestMirror(t *testing.T) {
	lab.Need(t, lab.Mirred)
	h, c := router(t)
	leaks(t, h, func() {
		must(t, c.AddLink(veth("v1", "u1")))
		must(t, c.AddLink(veth("v2", "u2")))
		before := qdiscs(t, h, "u1")
		m := kstate.Mirror{From: "u1", To: "u2"}
		for range 2 {
			must(t, c.AddMirror(m))
		}
		back := kstate.Mirror{From: "u2", To: "v1"}
		must(t, c.AddMirror(back))
		back.To = "u1"
		must(t, c.AddMirror(back))
		if got := mirrored(t, h, "u1"); len(got) != 1 || got[0] != "u2" {
			t.Errorf("u1 is mirrored to %v", got)
		}
		if got := mirrored(t, h, "u2"); len(got) != 1 || got[0] != "u1" {
			t.Errorf("u2 is mirrored to %v", got)
		}
		if got := observe(t, c).Mirrors; len(got) != 2 || got[0] != m || got[1] != back {
			t.Errorf("observed: %v", got)
		}
		// Frames go all the way: v1, u1, mirrored to u2, v2.
		frames := h.Capture("v2", func(f lab.Frame) bool { return true })
		h.IP("address add 192.0.2.1/24 dev v1")
		h.IP("neighbour add 192.0.2.2 lladdr 02:00:00:00:00:99 dev v1")
		h.Exec("", "ping", "-c", "1", "-W", "1", "192.0.2.2")
		if !lab.Wait(5*time.Second, func() bool { return frames.Count() > 0 }) {
			t.Error("no frame arrives by way of the mirror")
		}
		frames.Stop()
		for range 2 {
			must(t, c.DelMirror(m))
		}
		if got := qdiscs(t, h, "u1"); got != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, got)
		}
		// What somebody else hangs there stays, and so does the place for it.
		_, err := h.Exec("", "tc", "filter", "add", "dev", "u2", "egress", "matchall", "action", "ok")
		must(t, err)
		must(t, c.DelMirror(back))
		if got := qdiscs(t, h, "u2"); !strings.Contains(got, "clsact") {
			t.Errorf("a filter of another lost its place:\n%s", got)
		}
		if got := observe(t, c).Mirrors; len(got) != 0 {
			t.Errorf("left over: %v", got)
		}
		goneTarget(t, c)
		must(t, c.DelLink("v1"))
	})
}

// goneTarget deletes the device that a mirror leads to, and has the mirror lead elsewhere.
func goneTarget(t *testing.T, c *link.Conn) {
	t.Helper()
	must(t, c.AddMirror(kstate.Mirror{From: "u1", To: "u2"}))
	must(t, c.DelLink("u2"))
	if got := observe(t, c).Mirrors; len(got) != 1 || got[0].From != "u1" || got[0].To != "" {
		t.Errorf("observed: %v", got)
	}
	m := kstate.Mirror{From: "u1", To: "v1"}
	must(t, c.AddMirror(m))
	if got := observe(t, c).Mirrors; len(got) != 1 || got[0] != m {
		t.Errorf("observed: %v", got)
	}
}
