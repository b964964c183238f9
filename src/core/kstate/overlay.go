package kstate

// Overlay is what joins sites, as the kernel holds it: what is wanted, or what there is of ours.
type Overlay struct {
	Blocks   []Block
	Tunnels  []Tunnel
	Sessions []Session
	// Links are devices of ours. Those of kind KindL2TP are made and deleted by their sessions: as links they are only changed.
	Links   []Link
	Ports   []Port
	Addrs   []Address
	Mirrors []Mirror
}

// Protected says whether o has all blocks of a tunnel.
func (o Overlay) Protected(t Tunnel) bool {
	left := 0
	for _, want := range t.Blocks() {
		left++
		for _, b := range o.Blocks {
			if b == want {
				left--
				break
			}
		}
	}
	return left == 0
}
