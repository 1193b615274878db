//go:build cgo

package kafka

import (
	"time"
	"unsafe"
)

// slot is a message with what its pointers point to, so that one allocation holds many messages and each is independent of
// the others.
type slot struct {
	Message
	topic string
	epoch int32
}

// groupBytes bounds what one allocation holds of several messages, and so what a message that is kept keeps alive.
const groupBytes = 64 << 10

const slotBytes = int(unsafe.Sizeof(slot{}))

// group returns the end of the rows from `from` on that are converted together: of one kind, at most max, and small
// enough. There is at least one.
func (r *rows) group(from, max int) int {
	kind := r.kind[from]
	end := from + 1
	for end < r.count && end-from < max && r.kind[end] == kind && r.payload(from, end+1)+slotBytes*(end+1-from) <= groupBytes {
		end++
	}
	return end
}

// payload is the size of the data of rows [from, to).
func (r *rows) payload(from, to int) int {
	first, last := int(r.headerStart[from]), int(r.headerStart[to])
	size := r.key.size(from, to) + r.value.size(from, to)
	if last > first {
		size += r.headerKey.size(first, last) + r.headerValue.size(first, last) + (last-first)*int(unsafe.Sizeof(Header{}))
	}
	return size
}

// buffers is the memory that rows are converted into.
type buffers struct {
	slots   []slot
	data    []byte
	headers []Header
}

// convert copies rows [from, to), which are messages or reports, and returns as many slots. It uses the memory of b if
// that is large enough.
func (r *rows) convert(from, to int, names *names, b *buffers) []slot {
	b.slots = sized(b.slots, to-from)
	firstHeader, lastHeader := int(r.headerStart[from]), int(r.headerStart[to])
	b.headers = sized(b.headers, lastHeader-firstHeader)

	size := r.key.size(from, to) + r.value.size(from, to)
	if lastHeader > firstHeader {
		size += r.headerKey.size(firstHeader, lastHeader) + r.headerValue.size(firstHeader, lastHeader)
	}
	if cap(b.data) < size || b.data == nil {
		b.data = make([]byte, 0, size)
		messageHeadroom.note(size + slotBytes*len(b.slots))
	}
	data := b.data[:0]
	keys := columnCopy{&r.key, append(data, r.key.data[r.key.offsets[from]:r.key.offsets[to]]...), r.key.offsets[from]}
	data = keys.data[len(keys.data):]
	values := columnCopy{&r.value, append(data, r.value.data[r.value.offsets[from]:r.value.offsets[to]]...), r.value.offsets[from]}
	if lastHeader > firstHeader {
		r.convertHeaders(firstHeader, lastHeader, values.data[len(values.data):], b.headers)
	}

	for i := range b.slots {
		row := from + i
		s := &b.slots[i]
		s.topic = names.of(r, row)
		s.epoch = r.leaderEpoch[row]
		m := &s.Message
		m.TopicPartition = TopicPartition{Topic: &s.topic, Partition: r.partition[row], Offset: Offset(r.offset[row])}
		m.LeaderEpoch = nil
		if s.epoch >= 0 {
			m.TopicPartition.LeaderEpoch = &s.epoch
			m.LeaderEpoch = &s.epoch
		}
		m.Key = keys.bytes(row)
		m.Value = values.bytes(row)
		m.TimestampType = TimestampType(r.timestampType[row])
		m.Timestamp = time.Time{}
		if m.TimestampType != TimestampNotAvailable {
			m.Timestamp = time.UnixMilli(r.timestamp[row])
		}
		m.Headers = nil
		if start, end := int(r.headerStart[row])-firstHeader, int(r.headerStart[row+1])-firstHeader; end > start {
			m.Headers = b.headers[start:end:end]
		}
		m.Opaque = nil
		if r.code[row] != 0 {
			m.TopicPartition.Error = newErrorFromCode(int(r.code[row]))
		}
	}
	return b.slots
}

func (r *rows) convertHeaders(first, last int, data []byte, headers []Header) {
	keys := columnCopy{&r.headerKey, append(data, r.headerKey.data[r.headerKey.offsets[first]:r.headerKey.offsets[last]]...),
		r.headerKey.offsets[first]}
	data = keys.data[len(keys.data):]
	values := columnCopy{&r.headerValue,
		append(data, r.headerValue.data[r.headerValue.offsets[first]:r.headerValue.offsets[last]]...), r.headerValue.offsets[first]}
	for i := range headers {
		key := keys.bytes(first + i)
		// Nobody has a slice of these bytes, so that they never change.
		headers[i] = Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: values.bytes(first + i)}
	}
}

// columnCopy is a copy of some values of a column.
type columnCopy struct {
	from  *column
	data  []byte
	start int64
}

func (c *columnCopy) bytes(row int) []byte {
	if c.from.isNull(row) {
		return nil
	}
	from, to := c.from.offsets[row]-c.start, c.from.offsets[row+1]-c.start
	return c.data[from:to:to]
}

func sized[T any](slice []T, length int) []T {
	if cap(slice) < length {
		return make([]T, length)
	}
	return slice[:length]
}

// names keeps one string for each topic, so that not every message needs one of its own.
type names struct {
	known map[string]string
	// The one that was asked for last.
	last string
}

func (n *names) of(r *rows, row int) string {
	index := r.topic[row]
	if index == noTopic {
		return ""
	}
	bytes := r.topics.bytes(int(index))
	if n.last == string(bytes) {
		return n.last
	}
	name, found := n.known[string(bytes)]
	if !found {
		if n.known == nil {
			n.known = make(map[string]string)
		}
		name = string(bytes)
		n.known[name] = name
	}
	n.last = name
	return name
}

// topicPartition of a row that is no message.
func (r *rows) topicPartition(row int) TopicPartition {
	p := TopicPartition{Partition: r.partition[row], Offset: Offset(r.offset[row])}
	if index := r.topic[row]; index != noTopic {
		topic := r.topics.text(int(index))
		p.Topic = &topic
	}
	if epoch := r.leaderEpoch[row]; epoch >= 0 {
		p.LeaderEpoch = &epoch
	}
	if code := r.code[row]; code != 0 {
		p.Error = newErrorFromCode(int(code))
	}
	return p
}

func (r *rows) errorEvent(row int) Error {
	e := newErrorFromCode(int(r.code[row]))
	if text := r.value.text(row); text != "" {
		e.str = text
	}
	e.fatal = r.flags[row]&flagFatal != 0
	return e
}
