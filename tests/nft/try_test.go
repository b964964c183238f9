package nft_test

import "testing"

// TestCanCopy: the kernel can, and nothing stays of the question.
func TestCanCopy(t *testing.T) {
	c := namespace(t)
	for range 2 {
		if can, err := c.CanCopy(t.Context()); err != nil || !can {
			t.Errorf("can copy: %v, %v", can, err)
		}
	}
	if left := cli(t, "list", "ruleset"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
