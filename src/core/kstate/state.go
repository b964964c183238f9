package kstate

// State is a set of kernel objects: what is wanted, or what there is.
type State struct {
	Rules    []Rule
	Routes   []Route
	Nexthops []Nexthop
	Tables   []Table
	Sysctls  []Sysctl
}
