package main

import (
	"strings"
	"testing"

	"multiwan/src/openwrt/ubus"
	"multiwan/tests/ubusd"
)

// TestOverUbus: the commands work over the bus as over the control socket, refusals and exit codes included.
func TestOverUbus(t *testing.T) {
	b := ubusd.Start(t)
	if code, _, errs := multiwan(t, "status", "--ubus", b.Path); code != exitNotRunning || !strings.Contains(errs, "no object multiwan") {
		t.Errorf("without a daemon: %d, %s", code, errs)
	}
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := map[string]struct {
		status ubus.Status
		text   string
	}{
		"status":  {ubus.OK, `{"schema":1,"running":true,"config":{"state":"ok"},"interfaces":{"wan":{"state":"up","weight":1}}}`},
		"history": {ubus.OK, `{"history":[{"interface":"wan","family":"ipv4","from":"up","to":"down"}]}`},
		"down":    {ubus.OK, `{"down":true}`},
		"up":      {ubus.NotFound, `{"error":{"code":"not-found","message":"no WAN \"x\""}}`},
		"explain": {ubus.InvalidArgument, `{}`},
		"reload":  {ubus.PermissionDenied, `{}`},
	}
	_, err = c.Add(t.Context(), &ubus.Object{Path: "multiwan", Handle: func(r *ubus.Request) {
		a, ok := answers[r.Method]
		if !ok {
			_ = r.Done(ubus.MethodNotFound)
			return
		}
		if r.Method == "down" && string(r.Args.JSON()) != `{"interface":"wan","seconds":60}` {
			t.Errorf("down with %s", r.Args.JSON())
		}
		table, err := ubus.FromJSON([]byte(a.text))
		if err != nil {
			t.Error(err)
		}
		_ = r.Reply(table)
		_ = r.Done(a.status)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		code       int
		args, want string
	}{
		{exitOK, "status", "wan"},
		{exitOK, "metrics", "multiwan_config_ok 1"},
		{exitOK, "history --json", `"from": "up"`},
		{exitOK, "down wan 60", ""},
		{exitUsage, "up x", `no WAN "x"`},
		{exitUsage, "explain 192.0.2.1 192.0.2.2", "invalid argument"},
		{exitDenied, "reload", "permission denied"},
		{exitUsage, "probe wan", "method not found"},
	} {
		code, out, errs := multiwan(t, append(strings.Fields(x.args), "--ubus", b.Path)...)
		if code != x.code || !strings.Contains(out+errs, x.want) {
			t.Errorf("multiwan %s: exit code %d (want %d), output %q, %q", x.args, code, x.code, out, errs)
		}
	}
}
