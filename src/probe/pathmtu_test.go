package probe

import (
	"encoding/binary"
	"errors"
	"testing"

	"multiwan/src/core/kstate"
)

func TestSearchMTU(t *testing.T) {
	errSocket := errors.New("no socket")
	for name, tc := range map[string]struct {
		most, holds, told int
		err               error
		low, high         int
	}{
		"all of it":       {most: 1500, holds: 1500, low: 1500, high: 1500},
		"vanish":          {most: 1500, holds: 1400, low: 1392, high: 1400},
		"vanish early":    {most: 9000, holds: 1280, low: 1272, high: 1280},
		"only the least":  {most: 1500, holds: 576, low: 576, high: 576},
		"a router's word": {most: 1500, holds: 1400, told: 1404, low: 1404, high: 1404},
		"a lie":           {most: 1500, holds: 1400, told: 68, low: 1392, high: 1400},
		"silence":         {most: 1500, low: 0, high: 0},
		"fault":           {most: 1500, err: errSocket},
		"small device":    {most: 576, holds: 1500, low: 576, high: 576},
	} {
		calls := 0
		got, err := searchMTU(tc.most, 576, func(size int) (bool, int, error) {
			if calls++; size <= tc.holds {
				return true, 0, tc.err
			}
			return false, tc.told, tc.err
		})
		if !errors.Is(err, tc.err) || got < tc.low || got > tc.high || calls > 13 {
			t.Errorf("%s: %d in %d calls, err %v", name, got, calls, err)
		}
	}
}

func TestWholeAnswer(t *testing.T) {
	echo := func(kind byte) []byte { return []byte{kind, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2} }
	four := func(b []byte) []byte { return append([]byte{0x45, 19: 0}, b...) }
	six := func(b []byte) []byte { return append([]byte{0x60, 39: 0}, b...) }
	big := func(kind, code byte, mtu uint16, quoted []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{kind, code, 0, 0, 0, 0}, mtu), quoted...)
	}
	for name, tc := range map[string]struct {
		f    kstate.Family
		b    []byte
		told int
		ours bool
	}{
		"reply 4":     {kstate.IPv4, four(echo(0)), 0, true},
		"reply 6":     {kstate.IPv6, echo(129), 0, true},
		"request":     {kstate.IPv4, four(echo(8)), 0, false},
		"too big 4":   {kstate.IPv4, four(big(3, 4, 1400, four(echo(8)))), 1400, true},
		"too big 6":   {kstate.IPv6, big(2, 0, 1400, six(echo(128))), 1400, true},
		"unreachable": {kstate.IPv4, four(big(3, 1, 0, four(echo(8)))), 0, false},
		"of a reply":  {kstate.IPv4, four(big(3, 4, 1400, four(echo(0)))), 0, false},
		"short":       {kstate.IPv4, four(nil), 0, false},
		"shorter":     {kstate.IPv4, []byte{0x45}, 0, false},
		"cut":         {kstate.IPv6, big(2, 0, 1400, six(nil)), 0, false},
	} {
		seq, told, ours := wholeAnswer(tc.f, 0x1234, tc.b)
		if ours != tc.ours || ours && (seq != 7 || told != tc.told) {
			t.Errorf("%s: seq %d, told %d, ours %v", name, seq, told, ours)
		}
		if _, _, ours := wholeAnswer(tc.f, 1, tc.b); ours {
			t.Errorf("%s: somebody else's", name)
		}
	}
}
