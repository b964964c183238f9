package l2tp

import (
	"context"
	"fmt"

	"github.com/mdlayher/netlink"

	"multiwan/src/core/kstate"
)

// Counters are what a session has sent and received since it was made. Bytes are those of frames with their L2TP header.
type Counters struct {
	TxPackets, TxBytes, TxErrors uint64
	RxPackets, RxBytes, RxErrors uint64
	// Of what was received: dropped for a wrong cookie, dropped for its sequence number, put into order, not understood. RxInvalid is 0
	// before Linux 5.17, and CookieDiscards is before 4.20.
	CookieDiscards, SeqDiscards, OutOfOrder, RxInvalid uint64
}

// Counters returns the counters of all sessions.
func (c *Conn) Counters(ctx context.Context) (map[kstate.SessionKey]Counters, error) {
	out := map[kstate.SessionKey]Counters{}
	err := c.each(ctx, cmdSessionGet, func(b []byte) error {
		s, n, err := decodeSession(b)
		out[s.SessionKey()] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count sessions: %w", err)
	}
	return out, nil
}

// decode reads L2TP_ATTR_STATS.
func (n *Counters) decode(ad *netlink.AttributeDecoder) error {
	fields := map[uint16]*uint64{
		statTxPackets: &n.TxPackets, statTxBytes: &n.TxBytes, statTxErrors: &n.TxErrors,
		statRxPackets: &n.RxPackets, statRxBytes: &n.RxBytes, statRxErrors: &n.RxErrors,
		statRxSeqDiscards: &n.SeqDiscards, statRxOutOfOrder: &n.OutOfOrder, statCookieDiscards: &n.CookieDiscards, statRxInvalid: &n.RxInvalid,
	}
	for ad.Next() {
		if f := fields[ad.Type()]; f != nil {
			*f = ad.Uint64()
		}
	}
	return nil
}
