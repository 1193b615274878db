//go:build cgo

package kafka

import (
	"sync/atomic"
	"time"
)

// feed is a batch of rows from which events are taken one by one. It is used under its owner's lock.
type feed struct {
	rows *rows
	// Rows before it were handed out.
	next int
	// The messages of rows [first, first+len(slots)), converted.
	slots []slot
	first int
	// Size of the next group: it grows, so that a slow application, which goes back to the core after each message, does
	// not have others converted in vain.
	step  int
	names names
	// The beginning of an event of several rows that did not all fit in one batch.
	part []TopicPartition
	// The application was told of a rebalance, and answers it: the core must not think yet that it was dealt with.
	rebalancing bool
	// Set by timer when the rows are older than fetchedFor.
	old   atomic.Bool
	timer *time.Timer
}

func (f *feed) init() {
	f.rows = newRows()
	f.timer = time.AfterFunc(fetchedFor, func() { f.old.Store(true) })
}

// close frees the rows; the feed is then empty for ever.
func (f *feed) close() {
	if f.rows != nil {
		f.timer.Stop()
		f.rows.free()
		f.reset()
	}
}

func (f *feed) reset() { f.next, f.first, f.slots, f.step = 0, 0, nil, 1 }

// receive says that what was taken is delivered, and gets new rows.
func (f *feed) receive(from coreChan, max uint32) int {
	code := f.rows.recv(from, uint32(f.next), max)
	f.reset()
	f.rebalancing = false
	f.old.Store(false)
	if code == 0 {
		f.timer.Reset(fetchedFor)
	}
	return code
}

// giveBack says how many rows were taken; the core gives the rest again. During a rebalance there is nothing to say: what
// was delivered before, the core knows, and rows that follow come after the answer.
func (f *feed) giveBack(to coreChan) {
	if f.rebalancing {
		return
	}
	f.rows.recv(to, uint32(f.next), 0)
	f.reset()
}

// isDue says that the core wants to be called before more is taken. A new batch gives one row all the same, so that a
// slow application gets on.
func (f *feed) isDue() bool { return f.next > 0 && (f.old.Load() || f.rows.needsAttention()) }

// message is the next row if that is a message that was converted already: the fast way.
func (f *feed) message() *Message {
	if at := f.next - f.first; at < len(f.slots) {
		f.next++
		return &f.slots[at].Message
	}
	return nil
}

// take returns the next event or message, or neither if there is none.
func (f *feed) take() (Event, *Message) {
	for f.next < f.rows.count {
		row := f.next
		if f.rows.kind[row] == rowMessage {
			if row-f.first >= len(f.slots) {
				f.convert(row)
			}
			return nil, f.message()
		}
		f.next++
		if event := f.event(row); event != nil {
			return event, nil
		}
	}
	return nil, nil
}

func (f *feed) convert(row int) {
	f.first = row
	f.slots = f.rows.convert(row, f.rows.group(row, f.step), &f.names, &buffers{})
	f.step *= 2
}

// event is nil for a row that is not the last of its event.
func (f *feed) event(row int) Event {
	r := f.rows
	switch r.kind[row] {
	case rowError:
		return r.errorEvent(row)
	case rowStats:
		return &Stats{r.value.text(row)}
	case rowEOF:
		return PartitionEOF(r.topicPartition(row))
	case rowCommit:
		if f.collect(row) {
			return f.committed(row)
		}
	case rowAssign:
		if f.collect(row) {
			f.rebalancing = true
			return AssignedPartitions{f.collected()}
		}
	case rowRevoke:
		if f.collect(row) {
			f.rebalancing = true
			return RevokedPartitions{f.collected()}
		}
	case rowToken:
		return OAuthBearerTokenRefresh{r.value.text(row)}
	}
	return nil
}

// collect adds a row to the event that it belongs to, and tells whether the event is whole.
func (f *feed) collect(row int) bool {
	if f.rows.topic[row] != noTopic {
		f.part = append(f.part, f.rows.topicPartition(row))
	}
	return f.rows.flags[row]&flagMore == 0
}

// collected are the partitions of a whole event.
func (f *feed) collected() []TopicPartition {
	all := f.part
	f.part = nil
	return all
}

func (f *feed) committed(row int) Event {
	event := OffsetsCommitted{Offsets: f.collected()}
	for _, p := range event.Offsets {
		if p.Error != nil {
			event.Error = p.Error
			return event
		}
	}
	if code := f.rows.code[row]; code != 0 {
		event.Error = newErrorFromCode(int(code))
	}
	return event
}

// tellsOfRebalance says whether there is one among the rows that were just received. Events come before messages.
func (f *feed) tellsOfRebalance() bool {
	for row := 0; row < f.rows.count && f.rows.kind[row] != rowMessage; row++ {
		if kind := f.rows.kind[row]; kind == rowAssign || kind == rowRevoke {
			return true
		}
	}
	return false
}
