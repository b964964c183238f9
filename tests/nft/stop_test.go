package nft_test

import (
	"path/filepath"
	"testing"

	"multiwan/tests/lab"
)

// TestStop removes both tables by `multiwan stop`, where no daemon runs, and no foreign one.
func TestStop(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft, lab.BridgeNft)
	h := lab.New(t).Host("router")
	const foreign = "table bridge other {\n}\n"
	h.NFT(foreign + "table inet multiwan {\nchain c {\n}\n}\ntable bridge multiwan {\nchain c { type filter hook forward priority 0;\nmeta protocol ip drop\n}\n}")
	if out, err := h.Exec("", lab.Binary(t), "stop", "--socket", filepath.Join(t.TempDir(), "socket")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := h.Exec("", "nft", "list", "ruleset"); err != nil || got != foreign {
		t.Errorf("after the stop, %v:\n%s", err, got)
	}
}
