//go:build cgo

package kafka

import (
	"fmt"
	"strconv"
)

// PartitionAny leaves the choice of the partition to the topic's partitioner.
const PartitionAny = int32(-1)

// TopicPartition names a partition, and with it an offset, what is stored with a committed offset, and what went wrong
// with the partition.
type TopicPartition struct {
	Topic       *string
	Partition   int32
	Offset      Offset
	Metadata    *string
	Error       error
	LeaderEpoch *int32 // nil if not known
}

func (p TopicPartition) String() string {
	topic := "<null>"
	if p.Topic != nil {
		topic = *p.Topic
	}
	if p.Error != nil {
		return fmt.Sprintf("%s[%d]@%s(%s)", topic, p.Partition, p.Offset, p.Error)
	}
	return fmt.Sprintf("%s[%d]@%s", topic, p.Partition, p.Offset)
}

// TopicPartitions can be sorted, by topic and partition.
type TopicPartitions []TopicPartition

func (p TopicPartitions) Len() int { return len(p) }

func (p TopicPartitions) Less(i, j int) bool {
	one, other := topicOf(p[i]), topicOf(p[j])
	if one != other {
		return one < other
	}
	return p[i].Partition < p[j].Partition
}

func (p TopicPartitions) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

func topicOf(p TopicPartition) string {
	if p.Topic == nil {
		return ""
	}
	return *p.Topic
}

// Offset is a position in a partition: 0 or more, or one of the constants, or of OffsetTail.
type Offset int64

const (
	// OffsetBeginning is the oldest message there is.
	OffsetBeginning = Offset(-2)
	// OffsetEnd is where the next message will be.
	OffsetEnd = Offset(-1)
	// OffsetInvalid is no offset.
	OffsetInvalid = Offset(-1001)
	// OffsetStored is the group's committed offset.
	OffsetStored = Offset(-1000)

	offsetTailBase = Offset(-2000)
)

// OffsetTail is the position `relativeOffset` messages before the end.
func OffsetTail(relativeOffset Offset) Offset { return offsetTailBase - relativeOffset }

func (o Offset) String() string {
	switch o {
	case OffsetBeginning:
		return "beginning"
	case OffsetEnd:
		return "end"
	case OffsetInvalid:
		return "unset"
	case OffsetStored:
		return "stored"
	}
	return strconv.FormatInt(int64(o), 10)
}

// Set is NewOffset into o.
func (o *Offset) Set(offset interface{}) error {
	parsed, err := NewOffset(offset)
	if err == nil {
		*o = parsed
	}
	return err
}

// NewOffset makes an offset of an int, int64, Offset, or a string: a number, beginning (earliest), end (latest), unset,
// invalid, or stored.
func NewOffset(offset interface{}) (Offset, error) {
	switch o := offset.(type) {
	case int:
		return Offset(o), nil
	case int64:
		return Offset(o), nil
	case Offset:
		return o, nil
	case string:
		switch o {
		case "beginning", "earliest":
			return OffsetBeginning, nil
		case "end", "latest":
			return OffsetEnd, nil
		case "unset", "invalid":
			return OffsetInvalid, nil
		case "stored":
			return OffsetStored, nil
		}
		number, err := strconv.ParseInt(o, 10, 64)
		return Offset(number), err
	}
	return OffsetInvalid, NewError(ErrInvalidArg, fmt.Sprintf("Invalid offset type: %T", offset), false)
}
