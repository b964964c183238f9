package probe

import (
	"encoding/binary"

	"multiwan/src/core/kstate"
)

// Types of ICMP (RFC 792) and ICMPv6 messages (RFC 4443).
const (
	echoReply4    = 0
	unreachable4  = 3
	echoRequest4  = 8
	timeExceeded4 = 11
	unreachable6  = 1
	timeExceeded6 = 3
	echoRequest6  = 128
	echoReply6    = 129
)

// echoHeader is the size of what all these messages begin with: type, code, checksum, and for echoes the identifier and the sequence
// number.
const echoHeader = 8

// echoRequest builds the message that asks for its data.
func echoRequest(f kstate.Family, id, seq uint16, data []byte) []byte {
	b := make([]byte, echoHeader, echoHeader+len(data))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	b = append(b, data...)
	if f == kstate.IPv6 {
		b[0] = echoRequest6 // the kernel adds the checksum (RFC 3542, 3.1)
		return b
	}
	b[0] = echoRequest4
	binary.BigEndian.PutUint16(b[2:], checksum(0, b))
	return b
}

// checksum is that of RFC 1071, continued from a sum.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
