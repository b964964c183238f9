package joined

import (
	"context"
	"regexp"
	"testing"
	"time"

	"multiwan/src/control"
	"multiwan/tests/lab"
)

// TestSetUp times a start over an untouched kernel: until a host gets answers of the far one, and the SA alone.
func TestSetUp(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Bridge, lab.Charon)
	for _, c := range []struct{ what, option string }{{"in clear", ""}, {"ESP", "\toption ipsec 'sa'\n"}} {
		n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
		for _, s := range []*lab.Site{n.A, n.B} {
			s.Charon = lab.StartCharon(s.Router)
		}
		var up, sa []float64
		for range 4 {
			said := len(n.A.Charon.Log())
			began := time.Now()
			for _, s := range []*lab.Site{n.A, n.B} {
				s.Start(s.UCI(pseudowire(s, c.option)))
			}
			up = append(up, n.Reaches(60*time.Second).Received.Sub(began).Seconds())
			if c.option != "" {
				sa = append(sa, exchange(t, n.A.Charon.Log()[said:]))
			}
			for _, s := range []*lab.Site{n.A, n.B} {
				stop(t, s.Daemon)
			}
			time.Sleep(2 * time.Second)
		}
		figure("start of both daemons until the hosts reach each other, "+c.what, "s", "", "both starts included", up...)
		if sa != nil {
			figure("IKE, from the exchange that succeeds to its SA", "ms", "", "", sa...)
		}
	}
}

// stop has a daemon remove everything and end.
func stop(t *testing.T, d *lab.Daemon) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := control.Call(ctx, d.Socket, "stop", nil, nil); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if !lab.Wait(60*time.Second, func() bool { return !d.Running() }) {
		t.Fatal("the daemon still runs after stop")
	}
}

var (
	initiating  = regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d\.\d+) .*initiating IKE_SA`)
	established = regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d\.\d+) .*CHILD_SA \S+ established`)
)

// exchange reads from charon's log how many milliseconds the exchange took that made the SA. One before it may have found the far end not yet
// ready.
func exchange(t *testing.T, log string) float64 {
	t.Helper()
	end := established.FindStringSubmatchIndex(log)
	if end == nil {
		t.Fatalf("charon does not say %s:\n%s", established, log)
	}
	begins := initiating.FindAllStringSubmatch(log[:end[0]], -1)
	if len(begins) == 0 {
		t.Fatalf("charon does not say %s:\n%s", initiating, log)
	}
	return float64(clock(t, log[end[2]:end[3]]).Sub(clock(t, begins[len(begins)-1][1])).Milliseconds())
}

func clock(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("15:04:05.000", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
