// Package ubus speaks with OpenWrt's message bus: a client, and a server of objects, over the unix socket of ubusd. It gives the bytes that
// libubus gives, which the tests hold against recordings of the real programs.
//
// All numbers on the wire are big-endian. Data are kept as they arrive and read in place: what a hostile peer sends costs no more memory
// than its bytes, of which a message has at most MaxMessage.
package ubus
