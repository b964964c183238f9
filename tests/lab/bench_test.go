package lab

import "testing"

// BenchmarkT1 is what one test pays for its network.
func BenchmarkT1(b *testing.B) {
	for b.Loop() {
		if err := Run("t1", func(tb TB) { T1(tb, 2) }); err != nil {
			b.Fatal(err)
		}
	}
}
