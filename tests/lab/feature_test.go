package lab

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a TB that keeps what was said.
type recorder struct {
	TB
	skip, fatal string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Name() string              { return "TestX" }
func (r *recorder) Skipf(f string, a ...any)  { r.skip = fmt.Sprintf(f, a...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.fatal = fmt.Sprintf(f, a...); runtime.Goexit() }

func need(f Feature) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() { defer close(done); Need(r, f) }()
	<-done
	return r
}

func TestNeed(t *testing.T) {
	const missing = Feature("no-such-feature")
	r := need(missing)
	if want := "multiwan-skip feature=no-such-feature test=TestX: "; !strings.HasPrefix(r.skip, want) || r.fatal != "" {
		t.Errorf("skip %q, fatal %q; want a skip that begins with %q", r.skip, r.fatal, want)
	}
	t.Setenv("MULTIWAN_REQUIRE", "nft,no-such-feature")
	if r = need(missing); r.fatal == "" || r.skip != "" {
		t.Errorf("required feature: skip %q, fatal %q; want a failure", r.skip, r.fatal)
	}
}

func TestFeatures(t *testing.T) {
	Need(t, Netns)
	for f := range recipes {
		if err := Has(f); err != nil {
			t.Logf("%-12s missing: %v", f, err)
		} else {
			t.Logf("%-12s there", f)
		}
	}
}
