package json

import (
	"testing"
	"time"
)

// The package time is the second opinion.
func TestReadTime(t *testing.T) {
	for _, text := range []string{
		"2026-02-03T04:05:06Z", "2026-02-03T04:05:06.000000007Z", "2026-02-03T04:05:06.5+02:30", "2024-02-29T23:59:59.999999999-11:00",
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"", "Z", "2026-02-03", "2026-02-03T04:05:06", "2026-02-03 04:05:06Z", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+0200", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+02:0x",
	} {
		var want, got time.Time
		wanted, err := want.UnmarshalText([]byte(text)), readTime(&got, []byte(text))
		if (err == nil) != (wanted == nil) || !got.Equal(want) {
			t.Errorf("%q: %v %v, want %v %v", text, got, err, want, wanted)
		}
	}
	now := time.Now()
	b, err := now.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got time.Time
	if err := readTime(&got, b); err != nil || !got.Equal(now) {
		t.Errorf("%s: %v %v", b, got, err)
	}
}
