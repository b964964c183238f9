package filter

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Instruction is one of a program.
type Instruction = bpf.RawInstruction

// What a filter returns: as many bytes of a packet as pass, or none.
const (
	Take = 1 << 20
	Drop = 0
)

// Load reads size bytes, 1 or 2 or 4, at an offset of the packet, in network order.
func Load(offset uint32, size int) Instruction {
	return Instruction{Op: unix.BPF_LD | unix.BPF_ABS | width(size), K: offset}
}

// LoadIPv4 makes LoadBehind count from the end of the packet's IPv4 header, whose begin the packet's is.
func LoadIPv4() Instruction { return Instruction{Op: unix.BPF_LDX | unix.BPF_MSH | unix.BPF_B} }

// LoadBehind reads as Load does, counted from where LoadIPv4 says.
func LoadBehind(offset uint32, size int) Instruction {
	return Instruction{Op: unix.BPF_LD | unix.BPF_IND | width(size), K: offset}
}

// Ancillary says what the kernel knows of a packet besides its bytes (SKF_AD_… in linux/filter.h).
type Ancillary uint32

// Ancillary data.
const (
	Protocol Ancillary = 0  // EtherType
	PktType  Ancillary = 4  // PACKET_…
	Tagged   Ancillary = 48 // not 0: had an 802.1Q tag
)

// LoadAncillary reads what the kernel knows of the packet, from behind SKF_AD_OFF.
func LoadAncillary(a Ancillary) Instruction { return Load(uint32(-0x1000+int32(a)), 4) }

// And keeps the bits under mask of what was read.
func And(mask uint32) Instruction {
	return Instruction{Op: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}
}

// Equal skips so many instructions where value was read, and so many where not.
func Equal(value uint32, skip, skipElse uint8) Instruction {
	return Instruction{Op: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: skip, Jf: skipElse, K: value}
}

// Differs skips instructions where something else than value was read.
func Differs(value uint32, skip uint8) Instruction { return Equal(value, 0, skip) }

// NoBits skips instructions where no bit under mask was set in what was read.
func NoBits(mask uint32, skip uint8) Instruction {
	return Instruction{Op: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: skip, K: mask}
}

// Return ends the program.
func Return(bytes uint32) Instruction {
	return Instruction{Op: unix.BPF_RET | unix.BPF_K, K: bytes}
}

func width(size int) uint16 {
	switch size {
	case 1:
		return unix.BPF_B
	case 2:
		return unix.BPF_H
	}
	return unix.BPF_W
}
