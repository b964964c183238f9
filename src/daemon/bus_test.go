package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/control"
	"multiwan/src/core/health"
	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
	"multiwan/src/core/status"
	"multiwan/src/openwrt/ubus"
	"multiwan/src/probe"
	"multiwan/tests/ubusd"
)

// onBus runs a bare daemon's object on a bus of the test, changed as wanted, and returns a client.
func onBus(t *testing.T, change func(*daemon)) (*daemon, *ubusd.Bus, *ubus.Conn) {
	t.Helper()
	d, _ := bare(t, twoWANs)
	b := ubusd.Start(t)
	d.opt.UBus = b.Path
	if change != nil {
		change(d)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.bus.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	await(t, "the object", func() bool { return len(b.Objects()) == 1 })
	return d, b, c
}

// await waits for what another goroutine does.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

func invoke(t *testing.T, c *ubus.Conn, method, args string) (ubus.Table, error) {
	t.Helper()
	in, err := ubus.FromJSON([]byte(args))
	if err != nil {
		t.Fatal(err)
	}
	return c.Call(t.Context(), "multiwan", method, in)
}

// TestBusCalls: every call has the answer of the control socket, with the argument that uhttpd adds, and the status of its error.
func TestBusCalls(t *testing.T) {
	d, _, c := onBus(t, nil)
	const session = `"ubus_rpc_session":"0123456789abcdef"`
	answer, err := invoke(t, c, "status", "{"+session+"}")
	var doc status.Document
	if err := errors.Join(err, json.Unmarshal(answer.JSON(), &doc)); err != nil {
		t.Fatal(err)
	}
	want := d.status()
	doc.Time = want.Time
	if diff := cmp.Diff(want, &doc); diff != "" {
		t.Errorf("status: %s", diff)
	}
	for _, x := range []struct {
		method, args string
		status       ubus.Status
		answer       string // its beginning
	}{
		{"history", `{}`, ubus.OK, `{"history":[]}`},
		{"history", `{"interface":"wan","last":5,` + session + `}`, ubus.OK, `{"history":[]}`},
		{"history", `{"interface":null}`, ubus.OK, `{"history":[]}`},
		{"metrics", `{}`, ubus.OK, `{"metrics":[{"name":"multiwan_`},
		{"check", `{"text":"config interface\n"}`, ubus.OK, `{"errors":[{"line":1`},
		{"check", `{"text":"config interface 'wan'\n\toption device 'eth0'\n\toption weight '0'\nconfig rule\n\toption policy 'nosuch'\n",` + session + `}`, ubus.OK,
			`{"errors":[{"line":3,"section":"wan","option":"weight","value":"0","message":"want `},
		{"check", `{"text":"config interface 'wan'\n\toption device 'eth0'\nconfig rule\n\toption policy 'nosuch'\n"}`, ubus.OK,
			`{"errors":[{"line":4,"section":"@rule[0]","option":"policy","value":"nosuch","message":"`},
		{"check", `{"text":5}`, ubus.InvalidArgument, `{"error":{"code":"usage"`},
		{"series", `{` + session + `}`, ubus.OK, `{"schema":1,"time":0,"step":5,"interfaces":{}}`},
		{"series", `{"interface":"wan","seconds":86400}`, ubus.OK, `{"schema":1,"time":0,"step":300,"interfaces":{}}`},
		{"series", `{"interface":"nosuch"}`, ubus.NotFound, `{"error":{"code":"not-found"`},
		{"series", `{"seconds":-1}`, ubus.InvalidArgument, `{"error":{"code":"usage"`},
		{"rules", `{}`, ubus.OK, `{"rules":[]}`},
		{"reload", `{}`, ubus.OK, `{"state":"ok"`},
		{"down", `{"interface":"wan","seconds":60}`, ubus.OK, `{"down":true}`},
		{"up", `{"interface":"wan"}`, ubus.OK, `{"up":true}`},
		{"down", `{"interface":"nosuch"}`, ubus.NotFound, `{"error":{"code":"not-found","message":"no WAN \"nosuch\" in`},
		{"down", `{"interface":"wan","seconds":-1}`, ubus.InvalidArgument, `{"error":{"code":"usage"`},
		{"down", `{"interface":"wan","seconds":"60"}`, ubus.InvalidArgument, `{"error":{"code":"usage","message":"method down: parameter seconds: want int"`},
		{"down", `{"interface":"wan","seconds":true}`, ubus.InvalidArgument, `{"error":`},
		{"down", `{"interface":"wan","seconds":1.5}`, ubus.InvalidArgument, `{"error":`},
		{"down", `{"interface":5}`, ubus.InvalidArgument, `{"error":`},
		{"down", `{}`, ubus.NotFound, `{"error":`},
		{"probe", `{"interface":"wan","count":1000}`, ubus.InvalidArgument, `{"error":`},
		{"probe", `{"interface":"wan"}`, ubus.UnknownError, `{"error":{"code":"failed"`},
		{"explain", `{"source":"192.0.2.1","port":"80"}`, ubus.InvalidArgument, `{"error":`},
		{"stop", `{}`, ubus.MethodNotFound, `{}`},
		{"nonsense", `{}`, ubus.MethodNotFound, `{}`},
	} {
		answer, err := invoke(t, c, x.method, x.args)
		var got ubus.Status
		if err != nil && !errors.As(err, &got) {
			t.Errorf("%s: %v", x.method, err)
		}
		if got != x.status || !strings.HasPrefix(string(answer.JSON()), x.answer) {
			t.Errorf("%s %s: %v, %s; want %v, %s", x.method, x.args, got, answer.JSON(), x.status, x.answer)
		}
	}
}

// TestBusSlowCall: while calls wait, others are answered; beyond what may run at once they are told to try again.
func TestBusSlowCall(t *testing.T) {
	end := make(chan struct{})
	running := make(chan struct{}, busCalls)
	_, _, c := onBus(t, func(d *daemon) {
		d.bus.methods = append(d.bus.methods, control.Method{Name: "slow", Call: func(context.Context, control.Args) (any, error) {
			running <- struct{}{}
			<-end
			return map[string]any{"x": strings.Repeat("long", ubus.MaxMessage/4)}, nil
		}})
	})
	slow := make(chan error, busCalls)
	for i := range busCalls {
		go func() {
			_, err := c.Call(context.Background(), "multiwan", "slow", nil)
			slow <- err
		}()
		<-running
		if i == 0 {
			if _, err := invoke(t, c, "history", `{}`); err != nil {
				t.Errorf("beside a slow call: %v", err)
			}
		}
	}
	if _, err := invoke(t, c, "history", `{}`); !errors.Is(err, ubus.Timeout) {
		t.Errorf("beside %d slow calls: %v", busCalls, err)
	}
	close(end)
	for range busCalls { // and their answers do not fit into a message
		if err := <-slow; !errors.Is(err, ubus.UnknownError) {
			t.Error(err)
		}
	}
	if _, err := invoke(t, c, "history", `{}`); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestBusUpdate: each change of a WAN's state is told once, and again to those who come after ubusd was restarted.
func TestBusUpdate(t *testing.T) {
	d, b, c := onBus(t, nil)
	heard := make(chan string, 16)
	subscribe := func(c *ubus.Conn) {
		t.Helper()
		own, err := c.Add(t.Context(), &ubus.Object{Handle: func(r *ubus.Request) { heard <- r.Method + string(r.Args.JSON()) }})
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Lookup(t.Context(), "multiwan")
		if err == nil {
			err = c.Subscribe(t.Context(), own, found[0].ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(wan, state string) {
		t.Helper()
		if got, want := <-heard, fmt.Sprintf(`multiwan.update{"interface":%q,"state":%q}`, wan, state); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
	subscribe(c)
	d.bus.wake()
	want("wan", "waiting")
	want("wanb", "waiting")
	if _, err := invoke(t, c, "down", `{"interface":"wan"}`); err != nil {
		t.Fatal(err)
	}
	d.bus.wake()
	d.bus.wake()
	want("wan", "disabled")
	b.Stop()
	b.Restart(t)
	await(t, "the object again", func() bool { return len(b.Objects()) == 1 })
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	subscribe(c)
	d.forced.clear("wan")
	d.verdict(probe.Update{WAN: "wan", Family: kstate.IPv4, Transitions: []health.Transition{{To: health.Up}}})
	want("wan", "waiting")
	if err := os.WriteFile(d.file.path, []byte("config interface 'wan'\n\toption device 'eth0'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.reload()
	d.bus.wake()
	want("wanb", "removed")
	if len(heard) != 0 {
		t.Errorf("heard %d more", len(heard))
	}
}

// TestBusWanted: by itself only the daemon with the usual control socket is on the bus.
func TestBusWanted(t *testing.T) {
	for _, c := range []struct {
		mode, socket, path string
		wanted             bool
	}{
		{"auto", control.DefaultPath, "", true}, {"auto", "/tmp/s", "", false}, {"off", control.DefaultPath, "", false},
		{"", control.DefaultPath, "", false}, {"/tmp/ubus.sock", "/tmp/s", "/tmp/ubus.sock", true},
	} {
		o := Options{UBus: c.mode, Socket: c.socket}
		if path, wanted := o.wanted(); path != c.path || wanted != c.wanted {
			t.Errorf("%+v: %q, %v", c, path, wanted)
		}
	}
}

// TestBusDocumentation holds docs/ubus.md and the published signatures together.
func TestBusDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/ubus.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		have[m[1]] = strings.ReplaceAll(m[2], "`", "")
	}
	want := map[string]string{}
	d, _ := bare(t, twoWANs)
	for _, m := range d.bus.methods {
		var params []string
		for _, p := range m.Params {
			params = append(params, fmt.Sprintf("%s (%s)", p.Name, p.Type))
		}
		want[m.Name] = strings.Join(params, ", ")
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("- published, + in docs/ubus.md:\n%s", diff)
	}
}
