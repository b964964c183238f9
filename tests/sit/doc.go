// Package sit runs the daemon with 6rd, 6to4 and 6in4 tunnels against providers' relays made by hand, in namespaces.
package sit
