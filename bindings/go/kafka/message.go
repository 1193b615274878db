//go:build cgo

package kafka

import (
	"fmt"
	"time"
)

// TimestampType says what the timestamp of a message is.
type TimestampType int

const (
	// TimestampNotAvailable: there is none.
	TimestampNotAvailable = TimestampType(0)
	// TimestampCreateTime: when the message was made.
	TimestampCreateTime = TimestampType(1)
	// TimestampLogAppendTime: when the broker appended it.
	TimestampLogAppendTime = TimestampType(2)
)

func (t TimestampType) String() string {
	switch t {
	case TimestampCreateTime:
		return "CreateTime"
	case TimestampLogAppendTime:
		return "LogAppendTime"
	}
	return "NotAvailable"
}

// Message is a message to produce, one that was consumed, or a delivery report.
//
// nil and empty keys and values are told apart. What a consumed message or a report holds is its own: it may be kept and
// changed. A message that is kept keeps up to 64 KiB of its neighbours in memory.
type Message struct {
	// TopicPartition.Error is the outcome in a delivery report.
	TopicPartition TopicPartition
	Value          []byte
	Key            []byte
	// Timestamp has milliseconds. Zero means "now" when producing.
	Timestamp     time.Time
	TimestampType TimestampType
	// Opaque comes back in the delivery report.
	Opaque  interface{}
	Headers []Header
	// LeaderEpoch is nil if not known.
	LeaderEpoch *int32
}

// String names the message's place.
func (m *Message) String() string {
	topic := ""
	if m.TopicPartition.Topic != nil {
		topic = *m.TopicPartition.Topic
	}
	return fmt.Sprintf("%s[%d]@%s", topic, m.TopicPartition.Partition, m.TopicPartition.Offset)
}

// Header is a header of a message. A nil value and an empty one are told apart.
type Header struct {
	Key   string
	Value []byte
}

// longestHeaderText is shown whole; of a longer one the first headerTextShown bytes.
const (
	longestHeaderText = 65
	headerTextShown   = 50
)

func (h Header) String() string {
	switch {
	case h.Value == nil:
		return h.Key + "=nil"
	case len(h.Value) == 0:
		return h.Key + "=<empty>"
	case len(h.Value) > longestHeaderText:
		return fmt.Sprintf("%s=%q(%d more bytes)", h.Key, h.Value[:headerTextShown], len(h.Value)-headerTextShown)
	}
	return fmt.Sprintf("%s=%q", h.Key, h.Value)
}
