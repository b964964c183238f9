package filter

import (
	"testing"

	"golang.org/x/net/bpf"
)

// TestInstructions holds that x/net's assembler makes the same.
func TestInstructions(t *testing.T) {
	for _, c := range []struct {
		got  Instruction
		want bpf.Instruction
	}{
		{Load(4, 1), bpf.LoadAbsolute{Off: 4, Size: 1}},
		{Load(4, 2), bpf.LoadAbsolute{Off: 4, Size: 2}},
		{Load(4, 4), bpf.LoadAbsolute{Off: 4, Size: 4}},
		{LoadIPv4(), bpf.LoadMemShift{Off: 0}},
		{LoadBehind(17, 1), bpf.LoadIndirect{Off: 17, Size: 1}},
		{LoadBehind(4, 2), bpf.LoadIndirect{Off: 4, Size: 2}},
		{LoadAncillary(Protocol), bpf.LoadExtension{Num: bpf.ExtProto}},
		{LoadAncillary(PktType), bpf.LoadExtension{Num: bpf.ExtType}},
		{LoadAncillary(Tagged), bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}},
		{And(0xf0), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0}},
		{Equal(3, 4, 5), bpf.JumpIf{Cond: bpf.JumpEqual, Val: 3, SkipTrue: 4, SkipFalse: 5}},
		{Differs(3, 4), bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 3, SkipTrue: 4}},
		{NoBits(3, 4), bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 3, SkipTrue: 4}},
		{Return(Take), bpf.RetConstant{Val: 1 << 20}},
		{Return(Drop), bpf.RetConstant{Val: 0}},
	} {
		if want, err := c.want.Assemble(); err != nil || c.got != want {
			t.Errorf("%v: %+v, want %+v %v", c.want, c.got, want, err)
		}
	}
}
