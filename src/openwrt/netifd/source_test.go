package netifd

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"multiwan/src/openwrt/ubus"
	"multiwan/tests/ubusd"
)

// fake is a netifd on a bus of the test.
type fake struct {
	t    *testing.T
	conn *ubus.Conn
	id   uint32

	mu   sync.Mutex
	dump string
}

func startNetifd(t *testing.T, b *ubusd.Bus, dump string) *fake {
	t.Helper()
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f := &fake{t: t, conn: c, dump: dump}
	f.id, err = c.Add(t.Context(), &ubus.Object{Path: object, Handle: func(r *ubus.Request) {
		if r.Method != "dump" {
			_ = r.Done(ubus.MethodNotFound)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		table, err := ubus.FromJSON([]byte(f.dump))
		if err != nil {
			t.Error(err)
		}
		_ = r.Reply(table)
		_ = r.Done(ubus.OK)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fake) has(dump string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dump = dump
}

func (f *fake) notify(method, payload string) {
	f.t.Helper()
	table, err := ubus.FromJSON([]byte(payload))
	if err == nil {
		err = f.conn.Notify(f.id, method, table)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestFollow: what netifd has, tells and forgets to tell; netifd and ubusd restart; netifd comes later than we do.
func TestFollow(t *testing.T) {
	b := ubusd.Start(t)
	changes := make(chan string, 64)
	s := New(func(names []string) { changes <- strings.Join(names, " ") }, func(err error) {
		if err != nil {
			changes <- "fault: " + err.Error()
		}
	})
	s.settle = 20 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		ubus.Keep(ctx, func() (*ubus.Conn, error) { return ubus.Dial(b.Path) },
			func(short context.Context, c *ubus.Conn) error { return s.Follow(ctx, short, c) }, func(error) {})
	})
	defer keeping.Wait()
	defer stop()
	want := func(names string) {
		t.Helper()
		select {
		case got := <-changes:
			if got != names {
				t.Fatalf("changed %q, want %q", got, names)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no news of %s", names)
		}
	}
	device := func(name, want string) {
		t.Helper()
		if got, _ := s.Device(name); got != want {
			t.Errorf("%s is on %q, want %q", name, got, want)
		}
	}
	const wan, wanb = `{"interface":"wan","up":true,"l3_device":"eth0"}`, `{"interface":"wanb","up":true,"l3_device":"eth1"}`
	n := startNetifd(t, b, `{"interface":[`+wan+`]}`)
	want("wan")
	device("wan", "eth0")
	n.notify("interface.update", wan)
	n.notify("interface.update", wanb) // nothing of what was known already
	want("wanb")
	device("wanb", "eth1")
	want("wanb") // the look that follows finds that it is gone again
	device("wanb", "")
	n.has(`{"interface":[` + wan + `,` + wanb + `]}`)
	n.conn.Close() // netifd ends, which changes nothing, and starts
	device("wan", "eth0")
	n = startNetifd(t, b, `{"interface":[`+wan+`,`+wanb+`]}`)
	want("wanb")
	subscribed(t, b)
	n.has(`{"interface":[{"interface":"wan"},` + wanb + `]}`)
	n.notify("interface.down", `{"interface":"wan","up":false}`)
	want("wan")
	n.conn.Close()
	b.Stop()
	b.Restart(t)
	n = startNetifd(t, b, `{"interface":[`+wan+`,{"interface":"wanb","up":true,"l3_device":"eth2"}]}`)
	want("wan wanb")
	device("wanb", "eth2")
	subscribed(t, b)
	n.has(`{"interface":7}`)
	n.notify("interface.down", `{"interface":"wan","up":false}`)
	want("wan")
	if got := <-changes; !strings.HasPrefix(got, "fault: read netifd's interfaces") {
		t.Errorf("a dump that is none: %s", got)
	}
	device("wanb", "eth2")
}

// subscribed waits until somebody hears of changes.
func subscribed(t *testing.T, b *ubusd.Bus) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); b.Subscribers(object) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody subscribes")
		}
	}
}

func TestLook(t *testing.T) {
	b := ubusd.Start(t)
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := New(func([]string) {}, func(error) {})
	if err := s.Look(t.Context(), c); err == nil {
		t.Error("no netifd, no error")
	}
	text, err := os.ReadFile("testdata/all-up.json")
	if err != nil {
		t.Fatal(err)
	}
	startNetifd(t, b, string(text))
	if err := s.Look(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if j, ok := s.Join(WAN{Name: "wan"}); !ok || j.Interface6 != "wan6" || j.Gateway4.String() != "198.51.100.1" {
		t.Errorf("%+v, %v", j, ok)
	}
}
