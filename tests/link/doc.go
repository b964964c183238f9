// Package link tests kernel/link against a real kernel, in namespaces of its own, and compares with what iproute2 sees.
package link
