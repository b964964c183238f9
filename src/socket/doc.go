// Package socket makes sockets that the runtime waits for, as the package net does, from addresses that are known. What net's dialers and
// listeners link besides, a resolver above all, is 290 KiB on mipsle.
package socket
