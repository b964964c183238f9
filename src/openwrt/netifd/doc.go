// Package netifd follows the interfaces of OpenWrt's netifd over ubus, and says of each WAN what netifd knows better than the kernel: its
// device, next hops, delegated prefixes and resolvers. Whether a link has a carrier is the kernel's to say: a static interface stays up
// in netifd when its cable is pulled.
package netifd
