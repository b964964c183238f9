// Package spray measures one TCP connection over several lines (balance 'packet') and several connections over them by weight, in namespaces
// with a real daemon at both ends.
package spray
