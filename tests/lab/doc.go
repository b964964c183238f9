// Package lab builds small networks out of Linux network namespaces for tests,
// benchmarks and the demo: hosts, links, internet providers that drop foreign
// sources, faults, and the traffic that measures them.
//
// A namespace here has no name: it is held by a file descriptor of the test
// process. So any number of tests run in parallel and twice at once, and
// everything goes away with the process, however it ends. To look into one
// while a test runs: nsenter --net=$(the path that Host.Path returns) ip route.
//
//	func TestFailover(t *testing.T) {
//		n := lab.T1(t, 2)                        // client - router - isp0, isp1 - internet
//		n.Internet.Echo()                        // UDP and TCP echo on every address
//		d := lab.StartDaemon(n.Router, n.UCI())
//		f := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
//		at := n.WANs[0].BlackHole()
//		...
//		r := f.Stop()
//		if gap := r.FirstAfter(at).Received.Sub(at); gap > 3*time.Second { ... }
//	}
//
// Tests name the kernel features that they need with [Need]. On a kernel that
// lacks one the test is skipped with a line that tools count; where
// MULTIWAN_REQUIRE names the feature the same lack is a failure.
package lab
