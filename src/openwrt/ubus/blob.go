package ubus

import (
	"encoding/binary"
	"errors"
)

const (
	headerLen    = 4 // of an attribute: a bit, seven bits of id, 24 bits of length, itself included
	extended     = 1 << 31
	lengthMask   = 1<<24 - 1
	maxDepth     = 32      // tables in tables; the deepest of OpenWrt's own has six
	maxPath      = 1 << 10 // of a name that is published, listened to or called
	alignedBytes = 4
)

// errMalformed is the fault of a blob whose lengths, names or values do not fit into each other.
var errMalformed = errors.New("ubus: malformed data")

// attr is one attribute of a blob.
type attr struct {
	id    byte
	named bool   // it begins with a name, as all members of a Table do
	body  []byte // without header and padding
}

// cut takes the first attribute off a blob.
func cut(blob []byte) (a attr, rest []byte, err error) {
	if len(blob) < headerLen {
		return a, nil, errMalformed
	}
	head := binary.BigEndian.Uint32(blob)
	n := int(head & lengthMask)
	if n < headerLen || n > len(blob) {
		return a, nil, errMalformed
	}
	a = attr{id: byte(head >> 24 & 0x7f), named: head&extended != 0, body: blob[headerLen:n]}
	return a, blob[min(padded(n), len(blob)):], nil // the last one may lack its padding
}

func padded(n int) int { return (n + alignedBytes - 1) &^ (alignedBytes - 1) }

// text returns the string in a body, which ends with its only NUL.
func text(body []byte) (string, bool) {
	n := len(body) - 1
	if n < 0 || body[n] != 0 {
		return "", false
	}
	for _, c := range body[:n] {
		if c == 0 {
			return "", false
		}
	}
	return string(body[:n]), true
}

// number returns the 32 bits in a body.
func number(body []byte) (uint32, bool) {
	if len(body) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(body), true
}

// begin opens an attribute at the end of a buffer; finish closes it, with the place where it began.
func begin(b []byte, id byte) []byte { return append(b, id, 0, 0, 0) }

func finish(b []byte, start int) []byte {
	n := len(b) - start
	head := binary.BigEndian.Uint32(b[start:])
	binary.BigEndian.PutUint32(b[start:], head&^lengthMask|uint32(n)&lengthMask)
	return append(b, make([]byte, padded(n)-n)...)
}

func appendBytes(b []byte, id byte, body []byte) []byte {
	start := len(b)
	return finish(append(begin(b, id), body...), start)
}

func appendText(b []byte, id byte, s string) []byte {
	start := len(b)
	return finish(append(append(begin(b, id), s...), 0), start)
}

func appendNumber(b []byte, id byte, n uint32) []byte {
	start := len(b)
	return finish(binary.BigEndian.AppendUint32(begin(b, id), n), start)
}
