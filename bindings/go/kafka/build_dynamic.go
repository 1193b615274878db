//go:build cgo && dynamic

package kafka

// #cgo pkg-config: kafka_rs
import "C"

// LibrdkafkaLinkInfo tells how the library is linked into the program.
const LibrdkafkaLinkInfo = "dynamic, found by pkg-config"
