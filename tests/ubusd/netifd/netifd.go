// Package netifd stands in for netifd on a bus: it answers what netifd would say of its interfaces.
package netifd

import (
	"strings"
	"testing"

	"multiwan/src/openwrt/ubus"
	"multiwan/tests/ubusd"
)

// Publish has interfaces, each as `ubus call network.interface dump` lists it, until the test ends or leave is called.
func Publish(t testing.TB, b *ubusd.Bus, interfaces ...string) (leave func()) {
	t.Helper()
	dump, err := ubus.FromJSON([]byte(`{"interface":[` + strings.Join(interfaces, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	leave = func() { c.Close() }
	t.Cleanup(leave)
	if _, err := c.Add(t.Context(), &ubus.Object{Path: "network.interface", Handle: func(r *ubus.Request) {
		_ = r.Reply(dump)
		_ = r.Done(ubus.OK)
	}}); err != nil {
		t.Fatal(err)
	}
	return leave
}
