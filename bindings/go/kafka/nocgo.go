//go:build !cgo

package kafka

// Without cgo no other file of the package is compiled, so that what follows is the only complaint.
var _ = this_package_needs_cgo__set_CGO_ENABLED_1_and_install_a_C_compiler
