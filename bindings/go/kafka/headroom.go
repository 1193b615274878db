package kafka

import (
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// headroom spares the program most of its garbage collections while messages flow. Go collects whenever the heap has
// doubled; a small one fills within milliseconds then, and collecting all the time costs as much as the messages do (Poll:
// a third of its processor time; see bench/NOTES.md). So as long as messages flow there is a piece of heap that nobody
// touches, which takes no memory, but makes the heap a larger one. Garbage may take as much memory as that piece is large.
type headroom struct {
	allocated atomic.Int64 // bytes for messages, since the last look
	looking   atomic.Bool
	// Of who looks alone.
	room  *strings.Builder
	quiet int // looks in a row at which few messages had come
}

const (
	headroomBytes = 32 << 20
	headroomLooks = 100 * time.Millisecond
	headroomAfter = 1 << 20 // bytes allocated between two looks
	headroomQuiet = 10      // looks
)

// messageHeadroom is that of all clients.
var messageHeadroom headroom

// note takes note of memory that was allocated for messages.
func (h *headroom) note(bytes int) {
	h.allocated.Add(int64(bytes))
	if !h.looking.Load() && h.looking.CompareAndSwap(false, true) {
		time.AfterFunc(headroomLooks, h.looks)
	}
}

func (h *headroom) looks() {
	if h.look() {
		time.AfterFunc(headroomLooks, h.looks)
	} else {
		h.looking.Store(false)
	}
}

// look makes the heap larger, or gives that back, and tells whether to look again.
func (h *headroom) look() bool {
	h.quiet++
	if h.allocated.Swap(0) > headroomAfter {
		h.quiet = 0
		if h.room == nil && debug.SetMemoryLimit(-1) == math.MaxInt64 { // Who set a limit needs all collections.
			h.room = new(strings.Builder)
			h.room.Grow(headroomBytes) // Unlike make, it does not clear the memory.
		}
	}
	if h.quiet < headroomQuiet {
		return true
	}
	h.room = nil
	h.quiet = 0
	return false
}
