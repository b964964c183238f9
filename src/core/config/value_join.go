package config

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"multiwan/src/core/kstate"
)

// sizeValue is a word, or a number.
type sizeValue struct {
	word   string
	number int
}

// mtu turns what option mtu is read into into an MTU.
func (v sizeValue) mtu() MTU {
	if v.word == "" {
		return MTU{Mode: "fixed", Bytes: v.number}
	}
	return MTU{Mode: v.word}
}

// copiesValue is a word, or "dscp" with code points.
type copiesValue struct {
	word string
	dscp []uint8
}

// parseCopies reads which packets are copied.
func (o *OptionDoc) parseCopies(text string) (any, error) {
	if slices.Contains(o.Values, text) {
		return copiesValue{word: text}, nil
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	if len(fields) < 2 || fields[0] != "dscp" {
		return nil, wantf("%s, or dscp with code points, as dscp ef%s", strings.Join(o.Values, ", "), hint(text, o.Values))
	}
	v := copiesValue{word: "dscp"}
	for _, f := range fields[1:] {
		c, err := o.parseDSCP(f)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(v.dscp, c.(uint8)) {
			v.dscp = append(v.dscp, c.(uint8))
		}
	}
	return v, nil
}

// endValue is an address, the name of a host, or a word.
type endValue struct {
	addr netip.Addr
	host string
	word string
}

// parseSize reads a word or a number.
func (o *OptionDoc) parseSize(text string) (any, error) {
	for _, w := range o.Values {
		if text == w {
			return sizeValue{word: w}, nil
		}
	}
	n, err := o.parseInt(text)
	if err != nil {
		return nil, wantf("%s or a whole number %s%s", strings.Join(o.Values, ", "), o.bounds(), hint(text, o.Values))
	}
	return sizeValue{number: int(n.(int64))}, nil
}

// parseEnd reads where the far end is.
func (o *OptionDoc) parseEnd(text string) (any, error) {
	for _, w := range o.Values {
		if text == w {
			return endValue{word: w}, nil
		}
	}
	if a, ok := address(text); ok && unicast(a) && !linkLocal(a) {
		return endValue{addr: a}, nil
	} else if ok || !isHost(text) {
		return nil, wantf("the address of a host or a host name%s", orWords(o.Values))
	}
	return endValue{host: text}, nil
}

// parseJoin reads the other kinds of what joins sites.
func (o *OptionDoc) parseJoin(text string) (any, error) {
	switch o.Kind {
	case KindCookie:
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != 4 && len(raw) != 8 {
			return nil, wantf("8 or 16 hexadecimal digits, the 4 or 8 bytes of a cookie")
		}
		return string(raw), nil
	case KindSecret:
		secret, err := kstate.ParseSecret(text)
		if err != nil {
			return nil, wantf("a key as text, 0x and hexadecimal digits, or 0s and base64: %s", err)
		}
		return secret, nil
	case KindIdentity:
		if text == "" || len(text) > 255 || !printable(text) || strings.TrimSpace(text) != text || strings.ContainsAny(text, `"\`) {
			return nil, wantf("an identity of 1 - 255 visible characters without quotes and backslashes, as branch@example.com")
		}
		return text, nil
	case KindFile:
		if !strings.HasPrefix(text, "/") || !printable(text) || strings.HasSuffix(text, "/") {
			return nil, wantf("the absolute path of a file")
		}
		return text, nil
	}
	for word := range strings.SplitSeq(text, "-") {
		if !isName(word) || strings.ToLower(word) != word {
			return nil, wantf("a proposal in charon's notation, as aes128gcm16-prfsha256-curve25519")
		}
	}
	return text, nil
}
