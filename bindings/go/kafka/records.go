//go:build cgo

package kafka

import (
	"sync"
	"unsafe"
)

// records are messages to send, in columns, as the core takes many at once.
type records struct {
	topics                 []coreTopic
	topic                  []uint32
	partition              []int32
	timestamp              []int64
	opaque                 []uint64
	key, value             columnBuilder
	headerStart            []uint32
	headerKey, headerValue columnBuilder
}

var recordsPool = sync.Pool{New: func() any { return new(records) }}

func (r *records) len() int { return len(r.topic) }

// bytes is the size of keys and values.
func (r *records) bytes() int { return len(r.key.data) + len(r.value.data) }

func (r *records) reset() {
	r.topics, r.topic, r.partition = r.topics[:0], r.topic[:0], r.partition[:0]
	r.timestamp, r.opaque = r.timestamp[:0], r.opaque[:0]
	r.headerStart = append(r.headerStart[:0], 0)
	for _, column := range []*columnBuilder{&r.key, &r.value, &r.headerKey, &r.headerValue} {
		column.reset()
	}
}

// add appends a message after reset. Its topic and ticket are known already.
func (r *records) add(m *Message, topic coreTopic, ticket uint64) {
	r.topic = append(r.topic, r.indexOf(topic))
	r.partition = append(r.partition, m.TopicPartition.Partition)
	r.timestamp = append(r.timestamp, timestampOf(m))
	r.opaque = append(r.opaque, ticket)
	r.key.add(m.Key, m.Key == nil)
	r.value.add(m.Value, m.Value == nil)
	for _, header := range m.Headers {
		r.headerKey.add(unsafe.Slice(unsafe.StringData(header.Key), len(header.Key)), false)
		r.headerValue.add(header.Value, header.Value == nil)
	}
	r.headerStart = append(r.headerStart, uint32(r.headerKey.len()))
}

func (r *records) indexOf(topic coreTopic) uint32 {
	// Mostly the last one.
	for i := len(r.topics) - 1; i >= 0; i-- {
		if r.topics[i] == topic {
			return uint32(i)
		}
	}
	r.topics = append(r.topics, topic)
	return uint32(len(r.topics) - 1)
}

// canBeginAt says that the rows from there on can be sent without the others.
func (r *records) canBeginAt(row int) bool {
	return row%8 == 0 || !r.key.hasNull && !r.value.hasNull
}

// columnBuilder makes a column.
type columnBuilder struct {
	column
	hasNull bool
}

func (b *columnBuilder) reset() {
	b.offsets, b.data, b.validity, b.hasNull = append(b.offsets[:0], 0), b.data[:0], b.validity[:0], false
}

func (b *columnBuilder) len() int { return len(b.offsets) - 1 }

func (b *columnBuilder) add(value []byte, null bool) {
	row := b.len()
	if row%8 == 0 {
		b.validity = append(b.validity, 0)
	}
	if null {
		b.hasNull = true
	} else {
		b.validity[row/8] |= 1 << (row % 8)
	}
	b.data = append(b.data, value...)
	b.offsets = append(b.offsets, int64(len(b.data)))
}

// validityFrom is nil where no value is null.
func (b *columnBuilder) validityFrom(row int) *byte {
	if !b.hasNull {
		return nil
	}
	return unsafe.SliceData(b.validity[row/8:])
}

// timestampOf is in the core's terms, where 0 is now.
func timestampOf(m *Message) int64 {
	if m.Timestamp.IsZero() {
		return 0
	}
	return m.Timestamp.UnixMilli()
}
