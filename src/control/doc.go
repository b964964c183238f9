// Package control is the daemon's local interface: methods with named parameters, served on a unix socket that only root can use. One
// connection carries one JSON request line and one JSON reply line. The methods are plain data (Method), so that the ubus object can
// publish the same list.
package control
