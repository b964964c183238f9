// Package rtnl tests kernel/rtnl and kernel/facts against a real kernel, in namespaces of its own.
package rtnl
