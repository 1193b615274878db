//go:build cgo && !static_all && !dynamic

package kafka

// LibrdkafkaLinkInfo tells how the library is linked into the program.
const LibrdkafkaLinkInfo = "static"
