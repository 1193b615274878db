//go:build cgo

package kafka

import (
	"encoding/binary"
)

// BrokerMetadata is a broker.
type BrokerMetadata struct {
	ID   int32
	Host string
	Port int
}

// PartitionMetadata is a partition, with the broker that leads it (-1: none) and those that have replicas.
type PartitionMetadata struct {
	ID       int32
	Error    Error
	Leader   int32
	Replicas []int32
	Isrs     []int32
}

// TopicMetadata is a topic with its partitions.
type TopicMetadata struct {
	Topic      string
	Partitions []PartitionMetadata
	Error      Error
}

// Metadata is what a broker knows of the cluster. OriginatingBroker, who answered, is not known yet: it has ID -1.
type Metadata struct {
	Brokers           []BrokerMetadata
	Topics            map[string]TopicMetadata
	OriginatingBroker BrokerMetadata
}

// GetMetadata asks for the brokers, and for a topic, or without one for all topics or those that the client uses.
func (h *handle) GetMetadata(topic *string, allTopics bool, timeoutMs int) (*Metadata, error) {
	if err := h.verifyClient(); err != nil {
		return nil, err
	}
	r, err := h.core.metadata(topic, allTopics, timeoutMs)
	if err != nil {
		return nil, err
	}
	defer r.free()
	m := &Metadata{Topics: make(map[string]TopicMetadata), OriginatingBroker: BrokerMetadata{ID: -1}}
	for row := 0; row < r.count; row++ {
		switch r.kind[row] {
		case rowBroker:
			m.Brokers = append(m.Brokers, BrokerMetadata{r.partition[row], r.key.text(row), int(r.offset[row])})
		case rowTopic:
			name := topicOf(r.topicPartition(row))
			m.Topics[name] = TopicMetadata{Topic: name, Error: newErrorFromCode(int(r.code[row]))}
		case rowPart:
			of := m.Topics[topicOf(r.topicPartition(row))]
			of.Partitions = append(of.Partitions, PartitionMetadata{
				ID:       r.partition[row],
				Error:    newErrorFromCode(int(r.code[row])),
				Leader:   int32(r.offset[row]),
				Replicas: brokerIDs(r.key.bytes(row)),
				Isrs:     brokerIDs(r.value.bytes(row)),
			})
			m.Topics[of.Topic] = of
		}
	}
	return m, nil
}

func brokerIDs(packed []byte) []int32 {
	ids := make([]int32, len(packed)/4)
	for i := range ids {
		ids[i] = int32(binary.NativeEndian.Uint32(packed[4*i:]))
	}
	return ids
}

// QueryWatermarkOffsets asks a broker for the first offset of a partition, and the one after its last.
func (h *handle) QueryWatermarkOffsets(topic string, partition int32, timeoutMs int) (low, high int64, err error) {
	if err := h.verifyClient(); err != nil {
		return -1, -1, err
	}
	if timeoutMs == 0 {
		// For the core this would be the question of GetWatermarkOffsets.
		timeoutMs = 1
	}
	low, high, err = h.core.watermarks(topic, partition, timeoutMs)
	if err != nil {
		return 0, 0, err
	}
	return low, high, nil
}

// OffsetsForTimes turns times, in milliseconds since the epoch in the field Offset, into the first offsets with that time or
// later.
func (h *handle) OffsetsForTimes(times []TopicPartition, timeoutMs int) (offsets []TopicPartition, err error) {
	if err := h.verifyClient(); err != nil {
		return nil, err
	}
	return h.core.offsetsForTimes(times, timeoutMs)
}
