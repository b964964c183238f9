package probe

import "encoding/binary"

// Loopback of connectivity fault management, IEEE 802.1Q clause 21 (802.1ag until 2014) and ITU-T Y.1731.
const (
	etherCFM = 0x8902
	// cfmLevel is the maintenance domain level, 0 to 7. A pseudowire is a link between two devices of one owner, and 0 is the level
	// of links: any maintenance point of an operator or customer behind it, which are at higher levels, stops our messages instead of
	// passing them on, and theirs pass through our pseudowires untouched.
	cfmLevel      = 0
	loopbackReply = 2
	loopbackAsk   = 3
	cfmHeader     = 4 // level and version, opcode, flags, offset of the first TLV
	loopbackTLVs  = 4 // first TLV offset of loopback messages: the transaction identifier comes before
	tlvEnd        = 0
	tlvData       = 3
)

// maxLoopback bounds the messages that are read and answered, in bytes behind the EtherType: a jumbo frame.
const maxLoopback = 9000

// loopbackGroup is the class 1 multicast address of the level: the next maintenance end point.
var loopbackGroup = hwAddr{0x01, 0x80, 0xc2, 0x00, 0x00, 0x30 + cfmLevel}

// loopbackMessage is one message, without its Ethernet header.
type loopbackMessage struct {
	opcode      byte
	transaction uint32
	data        []byte // of the first data TLV
}

// marshal builds the message of 21.7: header, transaction identifier, data TLV, end TLV.
func (m loopbackMessage) marshal() []byte {
	b := []byte{cfmLevel << 5, m.opcode, 0, loopbackTLVs}
	b = binary.BigEndian.AppendUint32(b, m.transaction)
	b = binary.BigEndian.AppendUint16(append(b, tlvData), uint16(len(m.data)))
	return append(append(b, m.data...), tlvEnd)
}

// parseLoopback reads a message of our level; data shares its bytes. Versions above 0 are read as 0 (20.46.4.2.3), padding behind the end
// TLV is left alone, a message that ends before its end TLV does is taken (padding may be missing, and the end of it too).
func parseLoopback(b []byte) (m loopbackMessage, ok bool) {
	if len(b) < cfmHeader+loopbackTLVs || b[0]>>5 != cfmLevel || int(b[3]) < loopbackTLVs {
		return m, false
	}
	m.opcode, m.transaction = b[1], binary.BigEndian.Uint32(b[cfmHeader:])
	if m.opcode != loopbackAsk && m.opcode != loopbackReply {
		return m, false
	}
	if len(b) < cfmHeader+int(b[3]) {
		return m, false
	}
	for rest := b[cfmHeader+int(b[3]):]; len(rest) >= 3 && rest[0] != tlvEnd; {
		n := int(binary.BigEndian.Uint16(rest[1:]))
		if len(rest) < 3+n {
			return m, false
		}
		if rest[0] == tlvData && m.data == nil {
			m.data = rest[3 : 3+n]
		}
		rest = rest[3+n:]
	}
	return m, true
}

// answer turns a message into its reply, in place: all but the opcode stays (20.2.2, all TLVs are copied).
func answer(b []byte) { b[1] = loopbackReply }
