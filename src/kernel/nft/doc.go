// Package nft makes the kernel's nftables hold our tables, "inet multiwan" and "bridge multiwan", and reads back what they hold.
//
// Everything goes over one netlink socket; no program is started. Expressions are marshalled here (expr.go), where each is a line, and
// compared with google/nftables in the tests. The messages themselves are ours, because the transaction needs what that
// library's Flush does not give: the sequence number of the message that the kernel refused (so that the error names the rule), the
// extended-ack text, NFNL_BATCH_GENID (so that a transaction computed from a stale reading is refused by the kernel instead of
// half-fitting), and one acknowledgement a batch, not one a rule, which overran the socket with some hundred rules.
//
// A change is one transaction with only what differs: a chain whose list of rules differs is flushed and filled again; other chains,
// the elements of sets and the values of named counters stay. Rules carry their text in their user data, so that a missing, foreign
// or moved rule is seen without decoding expressions. Numbers that the kernel keeps in registers as integers (marks, connection
// states, generators) are in host order; addresses and ports are in network order.
package nft
