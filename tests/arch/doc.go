// Package arch holds the shape of the tree: which package may import which,
// what packages are called, how long a file may be, how many libraries there
// are and how large the program gets on a small router.
package arch
