// Package steering_test holds the plan against a real kernel before any of our own netlink code: the planned rules, routes and
// ruleset are loaded by ip(8) and nft(8) from their text.
package steering_test
