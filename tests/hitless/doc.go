// Package hitless tests pseudowires whose packets go over every line: two sites whose lines die, heal, lose and move, while datagrams with
// numbers, pings and a TCP connection pass between their hosts. Nothing may be lost, come twice or be in clear.
package hitless
