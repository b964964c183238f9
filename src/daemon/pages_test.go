package daemon

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/control"
)

const pages = "../../luci-app/luci-app-multiwan/"

// granted are calls of the pages that LuCI and rpcd grant by themselves: what a session may do is told to everybody, and services
// are started by the right to System > Startup.
var granted = []string{"session.access", "rc.init"}

// rights is a group of an access list of rpcd.
type rights struct {
	Read, Write struct {
		Ubus map[string][]string
		UCI  []string
		File map[string][]string
		CGI  []string `json:"cgi-io"`
	}
}

// TestPagesCallWhatTheyMay: what the pages call is what their groups of rights list, and what the daemon publishes, with its arguments.
func TestPagesCallWhatTheyMay(t *testing.T) {
	called, arguments := pageCalls(t)
	groups := map[string]rights{}
	text, err := os.ReadFile(pages + "root/usr/share/rpcd/acl.d/luci-app-multiwan.json")
	if err == nil {
		err = json.Unmarshal(text, &groups)
	}
	if err != nil {
		t.Fatal(err)
	}
	listed := append([]string(nil), granted...)
	for name, g := range groups {
		for _, ubus := range []map[string][]string{g.Read.Ubus, g.Write.Ubus} {
			for object, methods := range ubus {
				for _, m := range methods {
					listed = append(listed, object+"."+m)
				}
			}
		}
		if len(g.Read.File)+len(g.Write.File)+len(g.Read.CGI)+len(g.Write.CGI) > 0 {
			t.Errorf("%s has rights to files", name)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(called, listed); diff != "" {
		t.Errorf("calls of the pages (-) and their rights (+):\n%s", diff)
	}
	if s := groups["luci-app-multiwan-status"]; len(s.Read.UCI)+len(s.Write.UCI) > 0 {
		t.Error("the status group reads configuration, and so secrets")
	}
	b := newBus(&daemon{})
	for _, call := range called {
		object, method, _ := strings.Cut(call, ".")
		if object != busObject {
			continue
		}
		i := slices.IndexFunc(b.methods, func(m control.Method) bool { return m.Name == method })
		if i < 0 {
			t.Errorf("the daemon publishes no %s", call)
			continue
		}
		var names []string
		for _, p := range b.methods[i].Params {
			names = append(names, p.Name)
		}
		for _, a := range arguments[call] {
			if !slices.Contains(names, a) {
				t.Errorf("%s has no argument %s, but %q", call, a, names)
			}
		}
	}
}

// TestPagesInMenu: each page of the menu is there, and asks for a group of rights that there is.
func TestPagesInMenu(t *testing.T) {
	var menu map[string]struct {
		Action  struct{ Type, Path string }
		Depends struct{ ACL []string }
	}
	text, err := os.ReadFile(pages + "root/usr/share/luci/menu.d/luci-app-multiwan.json")
	if err == nil {
		err = json.Unmarshal(text, &menu)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(menu)); !slices.Equal(got, []string{"admin/network/multiwan", "admin/status/multiwan"}) {
		t.Errorf("entries %q", got)
	}
	rights, err := os.ReadFile(pages + "root/usr/share/rpcd/acl.d/luci-app-multiwan.json")
	if err != nil {
		t.Fatal(err)
	}
	for at, entry := range menu {
		if _, err := os.Stat(pages + "htdocs/luci-static/resources/view/" + entry.Action.Path + ".js"); err != nil || entry.Action.Type != "view" {
			t.Errorf("%s: %+v: %v", at, entry.Action, err)
		}
		for _, group := range entry.Depends.ACL {
			if !strings.Contains(string(rights), `"`+group+`": {`) {
				t.Errorf("%s asks for %s", at, group)
			}
		}
	}
}

var (
	declared = regexp.MustCompile(`(?s)rpc\.declare\(\{\s*object: '([^']+)', method: '([^']+)'(.*?)\}\)`)
	params   = regexp.MustCompile(`params: \[([^\]]*)\]`)
	quoted   = regexp.MustCompile(`'([^']+)'`)
)

// pageCalls are the calls that the sources of the pages declare, sorted, and their arguments.
func pageCalls(t *testing.T) (called []string, arguments map[string][]string) {
	t.Helper()
	arguments = map[string][]string{}
	err := filepath.WalkDir(pages+"htdocs", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all := declared.FindAllStringSubmatch(string(text), -1)
		if n := strings.Count(string(text), "rpc.declare("); n != len(all) {
			t.Errorf("%s: %d calls, %d read", path, n, len(all))
		}
		for _, m := range all {
			call := m[1] + "." + m[2]
			called = append(called, call)
			if p := params.FindStringSubmatch(m[3]); p != nil {
				for _, q := range quoted.FindAllStringSubmatch(p[1], -1) {
					arguments[call] = append(arguments[call], q[1])
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(called)
	return called, arguments
}
