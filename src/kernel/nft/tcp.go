package nft

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// tcpFlags is the byte of flags in the TCP header (RFC 9293, 3.1).
var tcpFlags = key{load: payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, reg1, 13, 1), l4: unix.IPPROTO_TCP, typ: typeTCPFlag, size: 1, value: tcpFlag, masked: true}

// maxseg is the key of the MSS option: kind 2, its value two bytes behind kind and length (RFC 9293, 3.2).
const (
	maxseg       = "tcp option maxseg size"
	maxsegKind   = 2
	maxsegOffset = 2
)

var mss = key{load: loadMSS, l4: unix.IPPROTO_TCP, typ: typeInteger, size: 2, value: port, over: true}

func tcpFlag(s string) ([]byte, error) {
	if i := slices.Index(kstate.TCPFlags(), s); i >= 0 {
		return []byte{1 << i}, nil
	}
	v, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		return nil, fmt.Errorf("unknown TCP flag %q", s)
	}
	return []byte{byte(v)}, nil
}

func loadMSS(e *encoder) {
	e.tcpOption(maxsegKind, maxsegOffset, 2)
}

// setMSS writes the option; the kernel leaves a smaller value as it is (nft_exthdr_tcp_set_eval). What a route leaves comes in host order.
func (e *encoder) setMSS(m *kstate.MSS) error {
	if m.Size < 0 || m.Size > 0xffff {
		return fmt.Errorf("want at most 65535 bytes")
	}
	if err := e.needL4(unix.IPPROTO_TCP); err != nil {
		return err
	}
	if m.Size > 0 {
		e.immediate(reg1, binary.BigEndian.AppendUint16(nil, uint16(m.Size)))
	} else {
		e.route(unix.NFT_RT_TCPMSS)
		e.toNetwork(2)
	}
	e.writeTCPOption(maxsegKind, maxsegOffset, 2)
	return nil
}
