package status

import (
	"math"
	"time"
)

// epoch returns whole seconds since the epoch, 0 for no time.
func epoch(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// seconds returns seconds since the epoch to the millisecond, 0 for no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// millis returns milliseconds with two decimals, nil for none measured.
func millis(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	return number(float64(d)/float64(time.Millisecond), 2)
}

// number rounds to decimals.
func number(v float64, decimals int) *float64 {
	p := math.Pow10(decimals)
	r := math.Round(v*p) / p
	return &r
}
