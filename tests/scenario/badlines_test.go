package scenario_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// badLine is a line on which a verdict would be false.
type badLine struct {
	name     string
	quality  lab.Quality // each way
	least    float64     // round-trip time in ms, mean over the test
	from, to float64     // loss in per cent of all probes
}

// badLines are measured by the probes while they are watched, so that none is
// better than its name. The first one has its round-trip time from a queue that
// uploads keep full, and loses what finds the queue full besides its 3 %.
var badLines = []badLine{
	{"saturated, 900 ms and 3 per cent", lab.Quality{Delay: 20 * time.Millisecond, Rate: uplinkRate, Queue: 900 * time.Millisecond, Loss: 0.015}, 800, 2, 15},
	{"900 ms and 3 per cent", lab.Quality{Delay: 450 * time.Millisecond, Loss: 0.015}, 890, 1.5, 5},
	{"30 per cent", lab.Quality{Delay: 20 * time.Millisecond, Loss: 0.163}, 40, 26, 34},
}

const (
	uplinkRate = 2_000_000 // bits a second
	// uploads is how many connections of each family fill it. By loss alone one
	// is held to about 130 kbit/s: 1.22 segments a round trip, by the root of the loss.
	uploads = 8
	// saturation is how long they may take to do so, and the mean over 30 probes to
	// follow.
	saturation = 2 * time.Minute
)

// TestNoFalseVerdict runs the defaults on bad lines for a while.
func TestNoFalseVerdict(t *testing.T) {
	t.Parallel()
	noFalseVerdict(t, 15*time.Second)
}

// TestNoFalseVerdictTenMinutes is what is promised.
func TestNoFalseVerdictTenMinutes(t *testing.T) {
	lab.Long(t)
	t.Parallel()
	noFalseVerdict(t, 10*time.Minute)
}

// noFalseVerdict has a WAN for each bad line and watches all of them at once.
func noFalseVerdict(t *testing.T, during time.Duration) {
	lab.Need(t, lab.Nft, lab.Tun)
	kinds := make([]lab.Kind, len(badLines))
	for i := range kinds {
		kinds[i] = lab.RelayedEther
	}
	n := lab.Build(t, lab.Options{WANs: kinds})
	n.Internet.Echo()
	var config string
	for i, w := range n.WANs {
		config += w.UCI() + fmt.Sprintf("\toption metric '%d'\n\n", i+1)
	}
	r := start(t, n, config)
	for i, w := range n.WANs {
		w.Line.Set(badLines[i].quality)
	}
	began := time.Now()
	saturate(t, n.Client)
	r.await(saturation, "a saturated line, and statistics of all", func(d status.Document) bool {
		for i, w := range n.WANs {
			for _, s := range sides(d, w) {
				if s.RTT == nil || s.Loss == nil || *s.RTT < badLines[i].least {
					return false
				}
			}
		}
		return true
	})
	t.Logf("saturated after %v", time.Since(began).Round(time.Second))
	r.watchBadLines(during)
	for i, w := range n.WANs {
		for _, tr := range r.history(w) {
			if !when(tr.Time).Before(began) {
				t.Errorf("%s: %s became %s: %s", badLines[i].name, tr.Family, tr.To, tr.Reason)
			}
		}
	}
}

// saturate has a host upload all that its first WAN takes.
func saturate(t *testing.T, client *lab.Host) {
	t.Helper()
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		for range uploads {
			if err := client.Upload(to).Congestion("cubic"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// lineMean is what the probes of one family measured on a line: the means of the
// status, and how many were sent and answered.
type lineMean struct {
	rtt, most     float64
	n             int
	sent, answers uint64
}

// loss is the share of all probes that was lost, in per cent.
func (m lineMean) loss() float64 { return 100 * (1 - float64(m.answers)/float64(m.sent)) }

// counted are the probes of one family so far.
func counted(i status.Interface, family string) (sent, answers uint64) {
	for _, p := range i.Probes {
		if p.Family == family {
			sent, answers = sent+p.Sent, answers+p.Answers
		}
	}
	return sent, answers
}

// watchBadLines waits, and checks what the probes measured meanwhile.
func (r *router) watchBadLines(during time.Duration) {
	r.t.Helper()
	means := map[*lab.WAN]map[string]*lineMean{}
	first := r.status()
	var d status.Document
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(time.Second) {
		d = r.status()
		for _, w := range r.WANs {
			if means[w] == nil {
				means[w] = map[string]*lineMean{"ipv4": {}, "ipv6": {}}
			}
			for family, s := range sides(d, w) {
				if m := means[w][family]; s.RTT != nil {
					m.rtt, m.most, m.n = m.rtt+*s.RTT, max(m.most, *s.RTT), m.n+1
				}
			}
		}
	}
	for i, w := range r.WANs {
		line := badLines[i]
		for family, m := range means[w] {
			m.rtt /= float64(m.n)
			m.sent, m.answers = counted(d.Interfaces[w.Name], family)
			sent, answers := counted(first.Interfaces[w.Name], family)
			m.sent, m.answers = m.sent-sent, m.answers-answers
			r.t.Logf("%s: %s: mean %.0f ms, mean of 30 probes at most %.0f ms, %d probes, %.1f %% lost", line.name, family, m.rtt, m.most, m.sent, m.loss())
			// A short run has too few probes for the loss to be sure.
			if m.rtt < line.least || during >= 5*time.Minute && (m.loss() < line.from || m.loss() > line.to) {
				r.t.Errorf("%s: %s: not that line", line.name, family)
			}
		}
	}
}
