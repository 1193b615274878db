//go:build cgo && static_all && !dynamic

package kafka

// #cgo LDFLAGS: -static
import "C"

// LibrdkafkaLinkInfo tells how the library is linked into the program.
const LibrdkafkaLinkInfo = "static, with libc"
