//go:build cgo

package kafka

import (
	"strconv"
	"strings"
)

// LibraryVersion is the version of the librdkafka inside, as a number (0xMMmmrrff) and as a text.
func LibraryVersion() (int, string) {
	text := librdkafkaVersion()
	number := 0
	parts := strings.SplitN(text, ".", 3)
	for i := 0; i < 3; i++ {
		number <<= 8
		if i < len(parts) {
			digits := parts[i]
			if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
				digits = digits[:end]
			}
			part, _ := strconv.Atoi(digits)
			number |= part
		}
	}
	return number<<8 | 0xff, text
}

// KafkaRsVersion is the version of kafka_rs.
func KafkaRsVersion() string { return coreVersion() }
