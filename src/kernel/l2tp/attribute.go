package l2tp

// Commands and attributes of linux/l2tp.h. Numbers are in the machine's order, ports included, addresses in network order.
const (
	familyName = "l2tp"
	version    = 1 // L2TP_GENL_VERSION

	cmdTunnelCreate  = 1
	cmdTunnelDelete  = 2
	cmdTunnelGet     = 4
	cmdSessionCreate = 5
	cmdSessionDelete = 6
	cmdSessionGet    = 8

	attrPWType       = 1  // u16
	attrEncapType    = 2  // u16
	attrL2SpecType   = 5  // u8
	attrProtoVersion = 7  // u8
	attrIfname       = 8  // string
	attrConnID       = 9  // u32
	attrPeerConnID   = 10 // u32
	attrSessionID    = 11 // u32
	attrPeerSession  = 12 // u32
	attrUDPChecksum  = 13 // u8, a flag in requests
	attrCookie       = 15 // bytes
	attrPeerCookie   = 16 // bytes
	attrIPSrc        = 24 // 4 bytes
	attrIPDst        = 25
	attrSrcPort      = 26 // u16
	attrDstPort      = 27 // u16
	attrStats        = 30 // nested
	attrIP6Src       = 31 // 16 bytes
	attrIP6Dst       = 32
	attrZeroSumTx    = 33 // flag
	attrZeroSumRx    = 34 // flag

	statTxPackets      = 1 // u64, as all of them
	statTxBytes        = 2
	statTxErrors       = 3
	statRxPackets      = 4
	statRxBytes        = 5
	statRxSeqDiscards  = 6
	statRxOutOfOrder   = 7
	statRxErrors       = 8
	statCookieDiscards = 10
	statRxInvalid      = 11

	protoVersion3 = 3
	encapUDP      = 0
	encapIP       = 1
	typeEthernet  = 5 // L2TP_PWTYPE_ETH
	l2specNone    = 0
	l2specDefault = 1
)
