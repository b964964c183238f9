package ubusd

import (
	"encoding/binary"
	"errors"
)

// walk calls each with the id and the body of every attribute.
func walk(b []byte, each func(id byte, body []byte)) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errors.New("short")
		}
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if n < 4 || n > len(b) {
			return errors.New("length")
		}
		each(b[0], b[4:n])
		b = b[min((n+3)/4*4, len(b)):]
	}
	return nil
}

func attributesOf(b []byte) (map[byte][]byte, error) {
	out := map[byte][]byte{}
	err := walk(b, func(id byte, body []byte) { out[id] = body })
	return out, err
}

// members returns the bodies of a table by name.
func members(b []byte) map[string][]byte {
	out := map[string][]byte{}
	_ = walk(b, func(_ byte, body []byte) {
		n := int(binary.BigEndian.Uint16(body))
		out[string(body[2:2+n])] = body[(3+n+3)/4*4:]
	})
	return out
}

func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return string(b[:len(b)-1])
}

func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func put(b []byte, id byte, body []byte) []byte {
	n := 4 + len(body)
	b = append(b, id, byte(n>>16), byte(n>>8), byte(n))
	return append(append(b, body...), make([]byte, (n+3)/4*4-n)...)
}

func putText(b []byte, id byte, s string) []byte { return put(b, id, append([]byte(s), 0)) }

func put32(b []byte, id byte, n uint32) []byte {
	return put(b, id, binary.BigEndian.AppendUint32(nil, n))
}

// name begins the body of a member.
func name(s string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(s)))
	b = append(append(b, s...), 0)
	return append(b, make([]byte, (len(b)+3)/4*4-len(b))...)
}

func memberText(b []byte, n, s string) []byte {
	return put(b, 0x80|3, append(append(name(n), s...), 0))
}

func member32(b []byte, n string, v uint32) []byte {
	return put(b, 0x80|5, binary.BigEndian.AppendUint32(name(n), v))
}
