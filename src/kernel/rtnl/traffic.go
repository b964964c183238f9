package rtnl

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Traffic returns how many bytes a device has received and sent since it was made.
func (c *Conn) Traffic(ctx context.Context, index int) (received, sent uint64, err error) {
	body := make(Message, ifInfoMsgLen)
	native.PutUint32(body[4:], uint32(index))
	err = c.Get(ctx, unix.RTM_GETLINK, body, func(data []byte) {
		if len(data) < ifInfoMsgLen {
			return
		}
		for typ, v := range Attrs(data[ifInfoMsgLen:]) {
			if typ == unix.IFLA_STATS64 && len(v) >= 32 { // struct rtnl_link_stats64: packets and bytes, received and sent
				received, sent = native.Uint64(v[16:]), native.Uint64(v[24:])
			}
		}
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read the counters of device %d: %w", index, err)
	}
	return received, sent, nil
}
