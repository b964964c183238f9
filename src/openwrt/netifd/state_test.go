package netifd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// joined reads interfaces and joins one of them.
func joined(t *testing.T, w WAN, interfaces ...string) (Joined, bool) {
	t.Helper()
	s := newState()
	all, err := parseDump([]byte(`{"interface":[` + strings.Join(interfaces, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	s.replace(all)
	return s.join(w)
}

func TestGateways(t *testing.T) {
	const r4, r6 = `{"target":"0.0.0.0","mask":0,"nexthop":"192.0.2.%d"%s}`, `{"target":"::","mask":0,"nexthop":"fe80::%d"%s}`
	for name, c := range map[string]struct{ rest, want4, want6 string }{
		"in force":           {`"route":[` + fmt.Sprintf(r4, 1, "") + `]`, "192.0.2.1", "invalid IP"},
		"inactive":           {`"route":[],"inactive":{"route":[` + fmt.Sprintf(r4, 1, "") + `]}`, "192.0.2.1", "invalid IP"},
		"one inactive":       {`"route":[` + fmt.Sprintf(r4, 1, "") + `],"inactive":{"route":[` + fmt.Sprintf(r4, 2, "") + "," + fmt.Sprintf(r6, 3, "") + `]}`, "192.0.2.1", "fe80::3"},
		"lowest metric":      {`"route":[` + fmt.Sprintf(r6, 1, `,"metric":512`) + "," + fmt.Sprintf(r6, 2, `,"metric":256`) + "," + fmt.Sprintf(r6, 3, `,"metric":512`) + `]`, "invalid IP", "fe80::2"},
		"table of the users": {`"route":[` + fmt.Sprintf(r4, 1, `,"table":200`) + `]`, "invalid IP", "invalid IP"},
		"unreachable":        {`"route":[` + fmt.Sprintf(r4, 1, `,"type":"unreachable"`) + `]`, "invalid IP", "invalid IP"},
		"no next hop":        {`"route":[{"target":"0.0.0.0","mask":0,"nexthop":"0.0.0.0"},{"target":"::","mask":0,"nexthop":"::"}]`, "invalid IP", "invalid IP"},
		"not default":        {`"route":[{"target":"0.0.0.0","mask":1,"nexthop":"192.0.2.1"},{"target":"10.0.0.0","mask":0,"nexthop":"192.0.2.1"}]`, "invalid IP", "invalid IP"},
		"nonsense":           {`"route":[{"target":"x"},{},{"target":"0.0.0.0","mask":0,"nexthop":"y"}]`, "invalid IP", "invalid IP"},
	} {
		j, ok := joined(t, WAN{Name: "wan"}, `{"interface":"wan","up":true,"l3_device":"ppp0",`+c.rest+`}`)
		if !ok || j.Gateway4.String() != c.want4 || j.Gateway6.String() != c.want6 {
			t.Errorf("%s: %v and %v, want %s and %s", name, j.Gateway4, j.Gateway6, c.want4, c.want6)
		}
	}
}

// TestSix: which interface carries a WAN's IPv6.
func TestSix(t *testing.T) {
	const wan = `{"interface":"wan","up":true,"proto":"dhcp","device":"eth0","l3_device":"eth0"}`
	six := func(name, device string) string {
		return `{"interface":"` + name + `","up":true,"proto":"dhcpv6","device":"` + device + `","l3_device":"eth0","ipv6-address":[{"address":"2001:db8::1","mask":64}],
			"ipv6-prefix":[{"address":"2001:db8:1::","mask":56}]}`
	}
	const down = `{"interface":"wan6","up":false,"proto":"dhcpv6","device":"@wan"}`
	const static = `{"interface":"aa","up":true,"proto":"static","device":"eth0","l3_device":"eth0","ipv4-address":[{"address":"192.0.2.5","mask":24}]}`
	const ppp6 = `{"interface":"wan_6","up":true,"dynamic":true,"proto":"dhcpv6","device":"@wan","l3_device":"pppoe-wan"}`
	for name, c := range map[string]struct {
		w    WAN
		list []string
		want string
	}{
		"by the device":    {WAN{Name: "wan"}, []string{wan, six("v6", "eth0")}, "v6"},
		"alias":            {WAN{Name: "wan"}, []string{wan, six("v6", "@wan")}, "v6"},
		"by the usual one": {WAN{Name: "wan"}, []string{wan, six("a6", "eth0"), six("wan6", "eth0"), six("x", "eth0")}, "wan6"},
		"wan_6":            {WAN{Name: "wan"}, []string{wan, six("a6", "eth0"), six("wan_6", "eth0")}, "wan_6"},
		"named":            {WAN{Name: "wan", Interface6: "x"}, []string{wan, six("wan6", "eth0"), six("x", "eth0")}, "x"},
		"named, not there": {WAN{Name: "wan", Interface6: "x"}, []string{wan, six("wan6", "eth0")}, ""},
		"a WAN of its own": {WAN{Name: "wan", Others: []string{"wan", "wan6"}}, []string{wan, six("wan6", "eth0")}, ""},
		"down, an alias":   {WAN{Name: "wan"}, []string{wan, down}, "wan6"},
		"without IPv6":     {WAN{Name: "wan"}, []string{wan, static}, ""},
		"other device":     {WAN{Name: "wan"}, []string{wan, ppp6}, ""},
	} {
		j, ok := joined(t, c.w, c.list...)
		if !ok || j.Interface6 != c.want || j.Device != "eth0" {
			t.Errorf("%s: %q on %q, want %q", name, j.Interface6, j.Device, c.want)
		}
		if (j.Interface6 != "" && name != "down, an alias") != (len(j.Prefixes) == 1) {
			t.Errorf("%s: prefixes %v", name, j.Prefixes)
		}
	}
}

// TestDevice: what is down is on what it was on; what makes a device of its own is not on the one below.
func TestDevice(t *testing.T) {
	for _, c := range []struct{ want, list string }{
		{"eth0", `{"interface":"wan","proto":"dhcp","device":"eth0"}`},
		{"", `{"interface":"wan","proto":"pppoe","device":"eth0"}`},
		{"", `{"interface":"wan","proto":"wireguard"}`},
		{"", `{"interface":"wan","proto":"static","device":"@other"}`},
		{"", `{"interface":"wan","proto":"static","device":"@wan"}`},
		{"eth1", `{"interface":"wan","proto":"static","device":"@lan"},{"interface":"lan","proto":"static","device":"eth1"}`},
	} {
		if j, _ := joined(t, WAN{Name: "wan"}, c.list); j.Device != c.want {
			t.Errorf("%s: %q, want %q", c.list, j.Device, c.want)
		}
	}
	s := newState()
	for _, text := range []string{`{"interface":"wan","up":true,"proto":"pppoe","device":"eth0","l3_device":"pppoe-wan"}`, `{"interface":"wan","proto":"pppoe","device":"eth0"}`} {
		n, err := parseNotice([]byte(text))
		if err != nil || !s.apply(n) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if j, _ := s.join(WAN{Name: "wan"}); j.Device != "pppoe-wan" {
		t.Errorf("down: on %q", j.Device)
	}
}

func TestHostile(t *testing.T) {
	j, ok := joined(t, WAN{Name: "wan"}, `{"interface":"wan","ipv4-address":[{"address":"x","mask":24},{"address":"192.0.2.1","mask":240},{"mask":1},
		{"address":"192.0.2.2","mask":-1}],"dns-server":["","y"],"ipv6-prefix":[{"address":"fe80::z","mask":64}]}`, `{"up":true}`)
	if d := cmp.Diff(Joined{}, j, cmp.Comparer(func(a, b Joined) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); !ok || d != "" {
		t.Error(d)
	}
	for _, bad := range []string{``, `[]`, `{"interface":{}}`, `{"interface":[{"up":"yes"}]}`, `{"interface":[{"route":[{"mask":"0"}]}]}`} {
		if _, err := parseDump([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// FuzzDump reads bytes as a dump, and joins what is in it.
func FuzzDump(f *testing.F) {
	for _, event := range append(events, "all-up") {
		text, err := os.ReadFile("testdata/" + event + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"interface":[{"interface":"a","device":"@b"},{"interface":"b","device":"@a","ipv6-prefix":[{"address":"::","mask":0}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseDump(text)
		if err != nil {
			return
		}
		s := newState()
		s.replace(all)
		for name := range s.networks {
			if _, ok := s.join(WAN{Name: name}); !ok {
				t.Errorf("%q is there and is not", name)
			}
		}
		if len(all) == len(s.networks) && len(s.replace(all)) != 0 {
			t.Error("the same again is news")
		}
	})
}
