package arch

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

const (
	maxSize   = 6 << 20         // bytes of the binary for mipsle, soft float
	goalSize  = 4<<20 + 512<<10 // what we aim at
	maxDirect = 12              // libraries that go.mod names directly
)

// TestSize builds the program as it is shipped to a small router.
func TestSize(t *testing.T) {
	const binary = "build/multiwan-mipsle"
	if b, err := exec.Command("make", "-s", "-C", "../..", binary).CombinedOutput(); err != nil {
		t.Fatalf("build for mipsle: %v\n%s", err, b)
	}
	st, err := os.Stat("../../" + binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("mipsle: %d KiB (goal %d, limit %d)", st.Size()>>10, goalSize>>10, maxSize>>10)
	if st.Size() > maxSize {
		t.Errorf("mipsle: %d KiB, at most %d", st.Size()>>10, maxSize>>10)
	}
}

func TestDirectDependencies(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) v\S+$`).FindAllSubmatch(b, -1)
	if len(direct) == 0 {
		t.Fatal("read no dependency from go.mod")
	}
	t.Logf("%d direct dependencies", len(direct))
	if len(direct) > maxDirect {
		for _, d := range direct {
			t.Logf("%s", d[1])
		}
		t.Errorf("%d direct dependencies, at most %d", len(direct), maxDirect)
	}
}
