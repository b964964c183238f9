package conntrack

// Messages and attributes of linux/netfilter/nfnetlink_conntrack.h, which the libraries do not name.
const (
	subsystem = 1 // NFNL_SUBSYS_CTNETLINK

	msgGet      = 1 // IPCTNL_MSG_CT_GET
	msgDelete   = 2 // IPCTNL_MSG_CT_DELETE
	msgGetStats = 5 // IPCTNL_MSG_CT_GET_STATS

	ctaTupleOrig     = 1
	ctaTupleReply    = 2
	ctaStatus        = 3
	ctaMark          = 8
	ctaCountersOrig  = 9
	ctaCountersReply = 10
	ctaID            = 12
	ctaZone          = 18
	ctaMarkMask      = 21
	ctaFilter        = 25

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum     = 1
	ctaProtoSrcPort = 2
	ctaProtoDstPort = 3

	ctaCountersPackets = 1
	ctaCountersBytes   = 2

	ctaFilterOrigFlags  = 1
	ctaFilterReplyFlags = 2

	// filterIPDst is CTA_FILTER_F_CTA_IP_DST of net/netfilter/nf_internals.h. The flags are in host order, unlike all else here.
	filterIPDst = 1 << 1
)

// Bits of Entry.Status (linux/netfilter/nf_conntrack_common.h).
const (
	StatusSeenReply = 1 << 1
	StatusAssured   = 1 << 2
	StatusSrcNAT    = 1 << 4
	StatusDstNAT    = 1 << 5
	StatusOffload   = 1 << 14
	StatusHWOffload = 1 << 15
)
