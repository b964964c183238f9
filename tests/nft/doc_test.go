// Package nft_test loads rulesets into a real kernel, in network namespaces of its own, and compares with what nft(8) lists.
package nft_test
