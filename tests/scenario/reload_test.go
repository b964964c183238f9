package scenario_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// TestS16Reload changes one weight, again and again, under 1,000 new connections
// a second and a bulk transfer by TCP in each family.
func TestS16Reload(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		n := lab.T1(t, 2)
		n.Internet.Echo()
		r := start(t, n, weighted(n, []int{1, 1}))
		bulk := n.Client.Upload(to)
		if err := bulk.Pace(20 << 20); err != nil {
			t.Fatal(err)
		}
		if !lab.Wait(patience, func() bool { return bulk.Bytes() > 1<<20 }) {
			t.Fatal("the bulk transfer does not begin")
		}
		fresh := n.Client.NewConnections(lab.Echo(to), lab.ConnectOptions{PerSecond: 1000})
		before := r.status().Counters
		lost, err := bulk.Lost()
		if err != nil {
			t.Fatal(err)
		}
		begin, first := time.Now(), fresh.Started()
		const reloads = 8
		for i := range reloads {
			time.Sleep(250 * time.Millisecond)
			r.Write(weighted(n, []int{1, 2 + i%2}))
			r.Reload()
			r.await(patience, "the reload", func(d status.Document) bool { return d.Counters.Reloads == before.Reloads+uint64(i)+1 })
		}
		time.Sleep(250 * time.Millisecond)
		rate := float64(fresh.Started()-first) / time.Since(begin).Seconds()
		tally := fresh.Stop()
		if tally.OK != tally.Started || tally.Refused != 0 || tally.Lost != 0 {
			t.Errorf("of %d new connections %d worked, %d were refused, %d lost: %v", tally.Started, tally.OK, tally.Refused, tally.Lost, tally.Errors)
		}
		t.Logf("%d new connections, %.0f a second", tally.Started, rate)
		if rate < 900 {
			t.Errorf("only %.0f new connections a second under the reloads, want 1,000", rate)
		}
		if len(tally.Sources) != 2 {
			t.Errorf("new connections left by %v", tally.Sources)
		}
		if bulk.Err() != nil || bulk.LongestStall() > 2*lab.Slot {
			t.Errorf("the bulk transfer stood still for %v (%v): %v", bulk.LongestStall(), bulk.Err(), bulk.Rates())
		}
		if now, err := bulk.Lost(); err != nil || now != lost {
			t.Errorf("of %d bytes of the bulk transfer %d segments were lost: %v", bulk.Bytes(), now-lost, err)
		}
		after := r.status().Counters
		// Each reload is one change of nftables, and the shares of the router's own
		// traffic in both families.
		if after.Evicted != before.Evicted || after.Failed != before.Failed || after.Repairs != before.Repairs || after.Writes-before.Writes > 3*reloads {
			t.Errorf("%d reloads did more than they should: %+v, was %+v", reloads, after, before)
		}
		r.noSpoofing()
	})
}

// mistakes makes a configuration with errors of several kinds.
func mistakes(config string) string {
	return config + `
config interface 'broken'
	option device 'wan9'
	option gateway '99.178.257.57'

config policy 'odd'
	list interface 'nowhere'

config rule 'wrong'
	option dest_port '99999'
	option policy 'odd'
`
}

// TestS16ReloadWithErrors keeps the last good configuration, to the byte, says
// every error at once, and takes the next good one.
func TestS16ReloadWithErrors(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	r := start(t, n, n.UCI(fastProbe, bySecond))
	before, counters := dump(t, n.Router), r.status().Counters
	heard := watchKernel(t, n)
	for name, config := range map[string]string{
		"errors":    strings.Replace(mistakes(n.UCI(fastProbe)), "option metric '2'", "option metric '1'", 1),
		"no syntax": n.UCI(fastProbe) + "\nconfig interface 'x\n",
		"missing":   "",
	} {
		t.Run(name, func(t *testing.T) {
			if r.Write(config); config == "" {
				os.Remove(r.Config)
			}
			out, err := r.CLI("reload")
			if err == nil {
				t.Errorf("a reload with errors succeeded: %s", out)
			}
			d := r.status()
			if d.Config.State != "last-good" || len(d.Config.Errors) == 0 {
				t.Errorf("configuration %+v, want last-good with errors", d.Config)
			}
			if name == "errors" {
				var found []string
				for _, e := range d.Config.Errors {
					found = append(found, e.Section+"."+e.Option)
				}
				if got := strings.Join(found, " "); !strings.Contains(got, "broken.gateway") || !strings.Contains(got, "odd.interface") || !strings.Contains(got, "wrong.dest_port") {
					t.Errorf("errors at %q, want all three", got)
				}
			}
		})
	}
	rest()
	if got := heard(); got != "" {
		t.Errorf("reloads with errors changed the kernel:\n%s", got)
	}
	same(t, "after reloads with errors", before, dump(t, n.Router))
	if after := r.status().Counters; after.Writes != counters.Writes || after.Reloads != counters.Reloads {
		t.Errorf("counters %+v, were %+v", after, counters)
	}
	r.Write(n.UCI(fastProbe, bySecond))
	r.command("reload")
	if d := r.status(); d.Config.State != "ok" || len(d.Config.Errors) != 0 {
		t.Errorf("after a good file: %+v", d.Config)
	}
}

// TestS16BootWithErrors runs the sections without errors, and reaches the rest
// with the file mended.
func TestS16BootWithErrors(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	config := n.UCI(fastProbe, bySecond)
	r := launch(t, n, mistakes(config))
	d := r.steady()
	if d.Config.State != "errors" || len(d.Config.Errors) < 3 {
		t.Errorf("configuration %+v", d.Config)
	}
	if d.Interfaces["wan0"].State != "up" || d.Interfaces["wan1"].State != "up" {
		t.Errorf("good sections do not run: %s", brief(d))
	}
	r.newByBoth(t)
	with := dump(t, n.Router)
	r.Write(config)
	r.command("reload")
	r.steady()
	if d := r.status(); d.Config.State != "ok" || len(d.Config.Errors) != 0 {
		t.Errorf("configuration %+v after it was mended", d.Config)
	}
	same(t, "the mended file says the same as the good part", with, dump(t, n.Router))
}

// TestP2Switches takes a WAN away and puts it back 50 times under a stream of new
// connections: none is refused, and flows of the other WAN lose no packet.
func TestP2Switches(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	flows := streams(t, n)
	fresh := map[string]*lab.Connects{}
	for name, to := range map[string]netip.Addr{"wan1 ipv4": lab.Internet4b, "wan1 ipv6": lab.Internet6b, "default ipv4": lab.Internet4, "default ipv6": lab.Internet6} {
		fresh[name] = n.Client.NewConnections(lab.Echo(to), lab.ConnectOptions{PerSecond: 100})
	}
	from := time.Now()
	const switches = 50
	for i := range switches {
		verb, want := "down", "backup"
		if i%2 == 1 {
			verb, want = "up", "up"
		}
		r.command(verb, "wan0")
		r.await(patience, "default "+want, func(d status.Document) bool {
			p := d.Policies["default"]
			return p.IPv4.State == want && p.IPv6.State == want
		})
	}
	for name, f := range fresh {
		tally := f.Stop()
		affected := 0
		for text, c := range tally.Errors {
			// The connections of wan0 end with it, so one that is just beginning may be
			// reset or left without an answer. Nobody may be told that there is no way.
			if strings.Contains(text, "reset") || strings.Contains(text, "timeout") {
				affected += c
				continue
			}
			t.Errorf("%s: %d of %d new connections were refused: %s", name, c, tally.Started, text)
		}
		if strings.HasPrefix(name, "wan1") && tally.OK != tally.Started {
			t.Errorf("%s: %d of %d new connections worked: %v", name, tally.OK, tally.Started, tally.Errors)
		}
		// How many are just beginning depends on how long the machine takes for one.
		if affected > 2*switches {
			t.Errorf("%s: %d of %d new connections broke in %d switches: %v", name, affected, tally.Started, switches, tally.Errors)
		}
		t.Logf("%s: %+v", name, tally)
	}
	unbroken(t, flows, from, "wan1")
	unbroken(t, flows, from, "lan")
	r.noSpoofing()
}
