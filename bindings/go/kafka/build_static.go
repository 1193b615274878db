//go:build cgo && !dynamic

package kafka

// #cgo CFLAGS: -DKRS_FROM_CHECKOUT
// #cgo LDFLAGS: ${SRCDIR}/libkafka_rs.a -lm -ldl -lpthread
import "C"
