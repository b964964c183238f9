package nft

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// tryTable is the name of a table that never comes to be.
const tryTable = tableName + "-try"

// CanCopy says whether the kernel can send copies of IPv4 packets (nft_dup_ipv4). It is asked by a transaction that ends with something
// impossible, so that nothing of it stays.
func (c *Conn) CanCopy(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := compile(unix.NFPROTO_IPV4, kstate.NftRule{Do: []kstate.Statement{{Dup: &kstate.Dup{To: "127.0.0.1", Index: 1}}}}, func() uint32 { return 0 })
	if err != nil {
		return false, err
	}
	const family = unix.NFPROTO_IPV4
	sent, err := c.nl.SendMessages([]netlink.Message{
		border(unix.NFNL_MSG_BATCH_BEGIN),
		message(unix.NFT_MSG_NEWTABLE, netlink.Create, family, str(unix.NFTA_TABLE_NAME, tryTable)),
		message(unix.NFT_MSG_NEWCHAIN, netlink.Create, family, str(unix.NFTA_CHAIN_TABLE, tryTable), str(unix.NFTA_CHAIN_NAME, "c")),
		message(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, family, str(unix.NFTA_RULE_TABLE, tryTable), str(unix.NFTA_RULE_CHAIN, "c"),
			nest(unix.NFTA_RULE_EXPRESSIONS, e.exprs...)),
		message(unix.NFT_MSG_DELCHAIN, 0, family, str(unix.NFTA_CHAIN_TABLE, tryTable), str(unix.NFTA_CHAIN_NAME, "none")),
		border(unix.NFNL_MSG_BATCH_END),
	})
	if err != nil {
		return false, fmt.Errorf("ask whether packets can be copied: %w", err)
	}
	answers, err := c.answers()
	if err != nil {
		return false, err
	}
	if a := answers[sent[4].Header.Sequence]; !errors.Is(a.errno, unix.ENOENT) {
		return false, fmt.Errorf("ask whether packets can be copied: the kernel says %w", a)
	}
	return answers[sent[3].Header.Sequence].errno == 0, nil
}
