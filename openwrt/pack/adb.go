package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"slices"
)

// An ADB is the container of apk-tools 3, as doc/apk-v3.5.scd and src/adb.h there describe it: a tree of objects, whose values are words of
// 32 bits, little-endian. The upper four bits are a type; the others are the value, or where it stands in the container.
const (
	adbInt    = 0x1 << 28
	adbInt32  = 0x2 << 28
	adbInt64  = 0x3 << 28
	adbBlob8  = 0x8 << 28
	adbBlob16 = 0x9 << 28
	adbBlob32 = 0xa << 28
	adbArray  = 0xd << 28
	adbObject = 0xe << 28
)

// word is a value of a container, 0 for none.
type word uint32

// container is an ADB that is being written. Equal data is written once.
type container struct {
	data []byte
	seen map[string]int
}

// newContainer begins with the header: two versions, and the root that is filled in last.
func newContainer() *container { return &container{data: make([]byte, 8), seen: map[string]int{}} }

// put writes data, unless it stands already where the alignment allows, and returns where.
func (c *container) put(b []byte, align int) int {
	if at, ok := c.seen[string(b)]; ok && at%align == 0 {
		return at
	}
	at := c.append(b, align)
	c.seen[string(b)] = at
	return at
}

func (c *container) append(b []byte, align int) int {
	for len(c.data)%align != 0 {
		c.data = append(c.data, 0)
	}
	at := len(c.data)
	c.data = append(c.data, b...)
	return at
}

// sized is a blob with its length before it, in the fewest bytes.
func sized(b []byte) (typ word, align int, all []byte) {
	switch n := len(b); {
	case n > 0xffff:
		return adbBlob32, 4, append(binary.LittleEndian.AppendUint32(nil, uint32(n)), b...)
	case n > 0xff:
		return adbBlob16, 2, append(binary.LittleEndian.AppendUint16(nil, uint16(n)), b...)
	}
	return adbBlob8, 1, append([]byte{byte(len(b))}, b...)
}

// blob writes bytes; none are no value.
func (c *container) blob(b []byte) word {
	if len(b) == 0 {
		return 0
	}
	typ, align, all := sized(b)
	return typ | word(c.put(all, align))
}

func (c *container) text(s string) word { return c.blob([]byte(s)) }

// room writes bytes that are filled in later, and returns where they begin.
func (c *container) room(n int) (w word, at int) {
	typ, align, all := sized(make([]byte, n))
	at = c.append(all, align)
	return typ | word(at), at + len(all) - n
}

func (c *container) number(n uint64) word {
	switch {
	case n >= 1<<32:
		return adbInt64 | word(c.put(binary.LittleEndian.AppendUint64(nil, n), 4))
	case n >= 1<<28:
		return adbInt32 | word(c.put(binary.LittleEndian.AppendUint32(nil, uint32(n)), 4))
	}
	return adbInt | word(n)
}

// slots writes how many there are, itself included, and they. Empty ones at the end are left out, and if none is left there is no value.
func (c *container) slots(typ word, values []word) word {
	for len(values) > 0 && values[len(values)-1] == 0 {
		values = values[:len(values)-1]
	}
	if len(values) == 0 {
		return 0
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(values)+1))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return typ | word(c.put(b, 4))
}

// object writes fields by their numbers, which begin at 1.
func (c *container) object(fields map[int]word) word {
	n := 0
	for i := range fields {
		n = max(n, i)
	}
	values := make([]word, n)
	for i, v := range fields {
		values[i-1] = v
	}
	return c.slots(adbObject, values)
}

func (c *container) array(values []word) word { return c.slots(adbArray, values) }

func (c *container) root(w word) { binary.LittleEndian.PutUint32(c.data[4:], uint32(w)) }

// Kinds of blocks.
const (
	blockADB  = 0
	blockData = 2
)

// block appends a block: kind and length in a word, and all to a multiple of eight.
func block(out []byte, kind uint32, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	out = binary.LittleEndian.AppendUint32(out, kind<<30|uint32(4+len(body)))
	out = append(out, body...)
	for n := 4 + len(body); n%8 != 0; n++ {
		out = append(out, 0)
	}
	return out
}

// deflated is the file of a container and what follows it: after four letters it is compressed (RFC 1951).
func deflated(plain []byte) ([]byte, error) {
	out := bytes.NewBufferString("ADBd")
	w, err := flate.NewWriter(out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// sortedBy sorts a copy by a text.
func sortedBy[T any](list []T, text func(T) string) []T {
	return slices.SortedFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(text(a), text(b)) })
}
