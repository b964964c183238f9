package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/uci"
)

// markValue is what fwmark is read into.
type markValue struct{ value, mask uint32 }

// fault says what a text should have been.
type fault string

// Error returns the wanted form.
func (f fault) Error() string { return string(f) }

func wantf(format string, args ...any) error { return fault("want " + fmt.Sprintf(format, args...)) }

// parse reads one value. The result has the Go type that the kind's comment names; an error is a fault.
func (o *OptionDoc) parse(text string) (any, error) {
	switch o.Kind {
	case KindBool:
		return o.parseBool(text)
	case KindInt:
		return o.parseInt(text)
	case KindSeconds:
		return o.parseDuration(text, time.Second)
	case KindMillis:
		return o.parseDuration(text, time.Millisecond)
	case KindPercent:
		return o.parsePercent(text)
	case KindEnum:
		return o.parseWord(text)
	case KindMask, KindMark, KindUID, KindPort, KindPorts, KindProto, KindDSCP:
		return o.parseNumber(text)
	case KindGateway, KindOwn, KindNetwork, KindMatch, KindSNAT:
		return o.parseAddress(text)
	case KindSize:
		return o.parseSize(text)
	case KindEnd:
		return o.parseEnd(text)
	case KindCopies:
		return o.parseCopies(text)
	case KindCookie, KindSecret, KindIdentity, KindFile, KindProposal:
		return o.parseJoin(text)
	case KindTarget:
		// The form depends on the method: checked with the probe.
		return text, nil
	}
	return o.parseText(text)
}

func (o *OptionDoc) parseBool(text string) (any, error) {
	if is, ok := uci.Bool(text); ok {
		return is, nil
	}
	return nil, wantf("1 or 0 (on, off, yes, no, true, false, enabled, disabled)")
}

func (o *OptionDoc) parseInt(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' || float64(n) < o.Min || float64(n) > o.Max {
		return nil, wantf("a whole number %s", o.bounds())
	}
	return n, nil
}

func (o *OptionDoc) bounds() string {
	f := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	return fmt.Sprintf("%s - %s", f(o.Min), f(o.Max))
}

// parseDuration reads a decimal number without exponent, of up to nine decimals.
func (o *OptionDoc) parseDuration(text string, unit time.Duration) (any, error) {
	d, ok := decimal(text)
	if !ok || d < o.Min || d > o.Max {
		return nil, wantf("%s %s, decimals allowed", o.Kind, o.bounds())
	}
	return time.Duration(math.Round(d * float64(unit))), nil
}

func (o *OptionDoc) parsePercent(text string) (any, error) {
	p, ok := decimal(text)
	if !ok || p < o.Min || p > o.Max {
		return nil, wantf("per cent %s, decimals allowed", o.bounds())
	}
	return p, nil
}

// decimal reads digits with at most one point among or before them: no sign, exponent, infinity or blank, which strconv would take.
func decimal(text string) (float64, bool) {
	if len(text) > 20 || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

func (o *OptionDoc) parseWord(text string) (any, error) {
	if slices.Contains(o.Values, text) {
		return text, nil
	}
	return nil, wantf("%s%s", orList(o.Values), hint(text, o.Values))
}

// orList returns "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// hint returns `, did you mean "x"?` where one of the words is near.
func hint(text string, words []string) string {
	if n := nearest(text, words); n != "" {
		return fmt.Sprintf(", did you mean %q?", n)
	}
	return ""
}

// parseText reads names and paths.
func (o *OptionDoc) parseText(text string) (any, error) {
	ok, want := true, ""
	switch o.Kind {
	case KindDevice:
		return o.parseDevice(text)
	case KindIface, KindMember:
		if isName(text) && text != "lo" {
			return text, nil // networks of netifd have names of any length, sections too
		}
		return o.parseDevice(text)
	case KindName, KindReference:
		ok, want = isName(text), "a name of letters, digits and underscores"
	case KindSet:
		ok = isName(text) && (text[0] < '0' || text[0] > '9') && len(text) <= 200
		want = "a name of letters, digits and underscores that begins with no digit, at most 200 long"
	case KindDir:
		ok, want = strings.HasPrefix(text, "/") && printable(text), "an absolute path"
	case KindPath:
		ok, want = strings.HasPrefix(text, "/") && printable(text) && !strings.ContainsAny(text, " #"), "a path that begins with /"
	case KindHost:
		ok, want = isHost(text), "a host name"
	default:
		panic("config: option " + o.Name + " has no parser for kind " + string(o.Kind))
	}
	if !ok {
		return nil, wantf("%s", want)
	}
	return text, nil
}

// parseDevice follows dev_valid_name of the kernel (net/core/dev.c).
func (o *OptionDoc) parseDevice(text string) (any, error) {
	switch {
	case strings.Contains(text, ":"):
		return nil, wantf("a device (label %s belongs to device %s; name the device and its addresses by list ipaddr)", text, text[:strings.Index(text, ":")])
	case text == "" || text == "." || text == ".." || len(text) > 15 || strings.ContainsAny(text, "/ ") || !printable(text):
		return nil, wantf("a device name of 1 - 15 characters without blanks, / and :")
	case text == "lo":
		return nil, wantf("a device other than lo")
	}
	return text, nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

// printable says that there is nothing but visible ASCII and blanks.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isHost follows RFC 1123 section 2.1, underscores allowed, with one trailing dot. What consists of digits and dots alone is a mistyped
// address, never a host.
func isHost(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > 63 || label == "" || label[0] == '-' || label[len(label)-1] == '-' || !isName(strings.ReplaceAll(label, "-", "_")) {
			return false
		}
	}
	return true
}

// uidRange reads "1000" or "1000-1999". 4294967295 is no user (uid_t -1).
func uidRange(text string) (kstate.UIDRange, bool) {
	lo, hi, isRange := strings.Cut(text, "-")
	if !isRange {
		hi = lo
	}
	a, errA := strconv.ParseUint(lo, 10, 32)
	b, errB := strconv.ParseUint(hi, 10, 32)
	return kstate.UIDRange{Set: true, Lo: uint32(a), Hi: uint32(b)}, errA == nil && errB == nil && a <= b && b < math.MaxUint32
}
