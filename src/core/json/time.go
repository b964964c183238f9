package json

import (
	"fmt"
	"time"
)

// readTime reads what time.Time.MarshalText writes (RFC 3339, with fractions of a second). The reader of the package time knows all
// formats and zones.
func readTime(t *time.Time, b []byte) error {
	const layout = "2006-01-02T15:04:05"
	date, rest := b[:min(len(b), len(layout))], b[min(len(b), len(layout)):]
	fields, ok := numbers(date, layout)
	nanos := 0
	if len(rest) > 0 && rest[0] == '.' {
		scale := int(time.Second)
		for rest = rest[1:]; len(rest) > 0 && '0' <= rest[0] && rest[0] <= '9'; rest = rest[1:] {
			scale /= 10
			nanos += int(rest[0]-'0') * scale
		}
	}
	var zone []int
	sign := 1
	switch {
	case len(rest) == 1 && rest[0] == 'Z':
		zone = []int{0, 0}
	case len(rest) > 0 && (rest[0] == '+' || rest[0] == '-'):
		if rest[0] == '-' {
			sign = -1
		}
		zone, _ = numbers(rest[1:], "15:04")
	}
	if !ok || zone == nil {
		return fmt.Errorf("json: %q is no time", b)
	}
	at := time.Date(fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5], nanos, time.UTC)
	if at.Day() != fields[2] || int(at.Month()) != fields[1] || at.Hour() != fields[3] || at.Minute() != fields[4] || at.Second() != fields[5] {
		return fmt.Errorf("json: %q is no time", b)
	}
	*t = at.Add(-time.Duration(sign*(zone[0]*60+zone[1])) * time.Minute)
	return nil
}

// numbers reads the numbers of a text that has digits and separators where the layout has them; nil if it has not.
func numbers(b []byte, layout string) ([]int, bool) {
	if len(b) != len(layout) {
		return nil, false
	}
	out := []int{0}
	for i, c := range b {
		digit, want := '0' <= c && c <= '9', '0' <= layout[i] && layout[i] <= '9'
		switch {
		case digit && want:
			out[len(out)-1] = out[len(out)-1]*10 + int(c-'0')
		case c == layout[i]:
			out = append(out, 0)
		default:
			return nil, false
		}
	}
	return out, true
}
