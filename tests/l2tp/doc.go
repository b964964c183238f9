// Package l2tp tests kernel/l2tp and kernel/xfrm against a real kernel, in namespaces of its own.
package l2tp
