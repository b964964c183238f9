package ubus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxMessage is how long a message may be, its header not counted: ubusd closes the connection of a client that exceeds it.
const MaxMessage = 1 << 20

// ErrTooLong says that something does not fit into a message.
var ErrTooLong = errors.New("ubus: too long for a message")

const messageHeader = 8 // version, type, 16 bits of sequence, 32 bits of peer

// kinds of messages (ubusmsg.h).
const (
	msgHello = iota
	msgStatus
	msgData
	msgPing
	msgLookup
	msgInvoke
	msgAddObject
	msgRemoveObject
	msgSubscribe
	msgUnsubscribe
	msgNotify
	msgMonitor
)

// attributes of messages (ubusmsg.h).
const (
	attrStatus      = 1
	attrObjectPath  = 2
	attrObjectID    = 3
	attrMethod      = 4
	attrObjectType  = 5
	attrSignature   = 6
	attrData        = 7
	attrTarget      = 8
	attrActive      = 9
	attrNoReply     = 10
	attrSubscribers = 11
	attrUser        = 12
	attrGroup       = 13
	attrCount       = 14
)

// message is one message: its header and the blob of its attributes.
type message struct {
	version, kind byte
	seq           uint16
	peer          uint32
	blob          []byte // the attributes
}

// append writes a message.
func (m message) append(b []byte) []byte {
	b = append(b, m.version, m.kind)
	b = binary.BigEndian.AppendUint16(b, m.seq)
	b = binary.BigEndian.AppendUint32(b, m.peer)
	b = binary.BigEndian.AppendUint32(b, uint32(headerLen+len(m.blob)))
	return append(b, m.blob...)
}

// readMessage reads one. It asks for memory only when the length is known to be allowed.
func readMessage(r io.Reader) (m message, err error) {
	var head [messageHeader + headerLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, err
	}
	m = message{version: head[0], kind: head[1], seq: binary.BigEndian.Uint16(head[2:]), peer: binary.BigEndian.Uint32(head[4:])}
	n := int(binary.BigEndian.Uint32(head[messageHeader:]) & lengthMask)
	if n < headerLen || n-headerLen > MaxMessage {
		return m, fmt.Errorf("ubus: a message of %d bytes", n)
	}
	m.blob = make([]byte, n-headerLen)
	_, err = io.ReadFull(r, m.blob)
	return m, err
}

// attributes are those of one message, by their ids; nil where absent.
type attributes [attrCount][]byte

// parse reads the attributes. Those that it does not know are passed over.
func (m message) parse() (a attributes, err error) {
	for rest := m.blob; len(rest) > 0; {
		var x attr
		if x, rest, err = cut(rest); err != nil {
			return a, err
		}
		if int(x.id) < len(a) {
			a[x.id] = x.body
		}
	}
	return a, nil
}

// number returns a number, 0 where it is absent or none.
func (a *attributes) number(id int) uint32 {
	n, _ := number(a[id])
	return n
}

// text returns a string, "" where it is absent or none.
func (a *attributes) text(id int) string {
	s, _ := text(a[id])
	return s
}

// flag returns a byte's truth.
func (a *attributes) flag(id int) bool { return len(a[id]) == 1 && a[id][0] != 0 }

// table returns data, checked.
func (a *attributes) table(id int) (Table, error) {
	t := Table(a[id])
	return t, t.check()
}
