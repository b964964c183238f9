package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` tells of a package; tests are not part of it.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	Imports    []string
}

// listPackages lists packages of this module.
func listPackages(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,Imports"}, patterns...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		list = append(list, p)
	}
}

// permission is a row of the package table: what a package may import beyond the
// standard library, by prefix. A package takes the row with the longest prefix
// of its path.
type permission struct {
	ours    []string // below multiwan/src/
	outside []string
}

const (
	netlink = "github.com/mdlayher/netlink"
	sysUnix = "golang.org/x/sys/unix" // constants and socket options; no library of its own in the table
)

// table is section "Packages" of the design: arrows go down only.
var table = map[string]permission{
	"core":             {ours: []string{"core"}},
	"kernel/rtnl":      {ours: []string{"core", "socket/filter"}, outside: []string{netlink, "github.com/jsimonetti/rtnetlink/v2"}},
	"kernel/nft":       {ours: []string{"core"}, outside: []string{netlink}},
	"kernel/conntrack": {ours: []string{"core"}, outside: []string{netlink}},
	"kernel/l2tp":      {ours: []string{"core"}, outside: []string{"github.com/mdlayher/genetlink", netlink}},
	"kernel/xfrm":      {ours: []string{"core"}, outside: []string{netlink}},
	"kernel/link":      {ours: []string{"core", "kernel/rtnl"}, outside: []string{netlink}},
	"kernel/facts":     {ours: []string{"core", "kernel/rtnl"}},
	"kernel":           {ours: []string{"core"}},
	"openwrt/ubus":     {ours: []string{"core/json", "socket"}},
	"openwrt":          {ours: []string{"core", "openwrt/ubus"}},
	"ipsec":            {ours: []string{"core", "socket"}},
	"probe":            {ours: []string{"core", "socket"}, outside: []string{"github.com/mdlayher/arp"}},
	"reconcile":        {ours: []string{"core"}},
	"hook":             {},
	"socket":           {},
	"socket/filter":    {outside: []string{"golang.org/x/net/bpf"}},
	"control":          {ours: []string{"core/json", "core/order", "socket"}},
	"journal":          {ours: []string{"socket"}, outside: []string{"github.com/sirupsen/logrus"}},
	"daemon": {ours: []string{"core", "kernel", "openwrt", "ipsec", "probe", "reconcile", "hook", "control", "journal", "socket"},
		outside: []string{"github.com/sirupsen/logrus", "golang.org/x/sync"}},
	"cmd/multiwan": {ours: []string{"core", "kernel", "openwrt", "ipsec", "probe", "daemon", "control", "journal"},
		outside: []string{"github.com/sirupsen/logrus"}},
}

// impure are the parts of the standard library that what thinks does without:
// it gets the world as data and time as a value.
var impure = []string{"os", "net", "syscall", "log", "io/ioutil", "os/exec", "os/signal", "net/http", "golang.org/x/sys"}

// large are parts of the standard library with what they add on mipsle, and what to take instead.
var large = map[string]string{
	"net/http":      "1.2 MiB",
	"os/exec":       "94 KiB; os.StartProcess runs a program whose path is known",
	"encoding/json": "156 KiB; core/json has the same",
	"regexp":        "it and what it pulls in; the strings that we read are simple",
	"text/template": "it calls methods by name, so the linker keeps all of them",
	"html/template": "as text/template",
	"math/big":      "as crypto",
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t, "./src/...") {
		for _, fault := range checkImports(p.ImportPath, p.Imports) {
			t.Errorf("%s %s", p.ImportPath, fault)
		}
	}
}

// TestImportsCatch holds the check itself to the rules.
func TestImportsCatch(t *testing.T) {
	for _, c := range []struct {
		path, imports string
		allowed       bool
	}{
		{"core/plan", "multiwan/src/core/kstate", true},
		{"core/plan", "net/netip", true},
		{"core/plan", "net", false},
		{"core/health", "os", false},
		{"core/health", "github.com/sirupsen/logrus", false},
		{"core/plan", "multiwan/src/kernel/rtnl", false},
		{"kernel/nft", "github.com/google/nftables/expr", false},
		{"kernel/nft", "github.com/mdlayher/netlink", true},
		{"kernel/link", "multiwan/src/kernel/rtnl", true},
		{"kernel/l2tp", "github.com/mdlayher/genetlink", true},
		{"ipsec", "github.com/strongswan/govici/vici", false},
		{"kernel/nft", "multiwan/src/kernel/rtnl", false},
		{"kernel/nft", "multiwan/src/reconcile", false},
		{"kernel/facts", "multiwan/src/kernel/rtnl", true},
		{"kernel/rtnl", "golang.org/x/sys/unix", true},
		{"probe", "github.com/google/nftables", false},
		{"probe", "multiwan/src/kernel/rtnl", false},
		{"reconcile", "multiwan/src/probe", false},
		{"daemon", "multiwan/src/reconcile", true},
		{"cmd/multiwan", "multiwan/src/reconcile", false},
		{"daemon", "net/http", false},
		{"reconcile", "encoding/json", false},
		{"probe", "crypto/rand", false},
		{"no/such/row", "fmt", false},
	} {
		faults := checkImports("multiwan/src/"+c.path, []string{c.imports})
		if allowed := len(faults) == 0; allowed != c.allowed {
			t.Errorf("%s imports %s: faults %v, want allowed: %v", c.path, c.imports, faults, c.allowed)
		}
	}
}

// checkImports returns what a package imports against the table.
func checkImports(path string, imports []string) (faults []string) {
	path = strings.TrimPrefix(path, "multiwan/src/")
	row, ok := rowOf(path)
	if !ok {
		return []string{"has no row in the package table"}
	}
	for _, i := range imports {
		ours, inside := strings.CutPrefix(i, "multiwan/src/")
		switch {
		case inside && !under(ours, append(row.ours, path)):
			faults = append(faults, "imports "+i+" against the direction of the arrows")
		case strings.HasPrefix(i, "multiwan/tests"):
			faults = append(faults, "imports the tests: "+i)
		case under(path, []string{"core"}) && slices.Contains(impure, i):
			faults = append(faults, "is pure but imports "+i)
		case large[i] != "":
			faults = append(faults, "imports "+i+": "+large[i])
		case under(i, []string{"crypto"}):
			faults = append(faults, "imports "+i+": crypto links all its ciphers and their tests, 176 KiB")
		case !inside && isOutside(i) && !under(i, append(slices.Clone(row.outside), sysUnixFor(path)...)):
			faults = append(faults, "imports the library "+i)
		}
	}
	return faults
}

// sysUnixFor lets everything but core use the constants of the kernel.
func sysUnixFor(path string) []string {
	if under(path, []string{"core"}) {
		return nil
	}
	return []string{sysUnix}
}

func rowOf(path string) (permission, bool) {
	best := ""
	for prefix := range table {
		if under(path, []string{prefix}) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return table[best], best != ""
}

// under reports whether a path is one of the prefixes or below one.
func under(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// isOutside reports whether a path is neither ours nor of the standard library.
func isOutside(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}
