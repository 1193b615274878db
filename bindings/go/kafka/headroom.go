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
	allocated atomic.Int64 // bytes, since the last look
	held      atomic.Pointer[strings.Builder]
}

const (
	headroomBytes = 32 << 20
	headroomAfter = 8 << 20 // bytes allocated in headroomLooks
	headroomLooks = time.Second
)

// messageHeadroom is that of all clients.
var messageHeadroom headroom

// note takes note of memory that was allocated for messages.
func (h *headroom) note(bytes int) {
	if h.allocated.Add(int64(bytes)) > headroomAfter && h.held.Load() == nil {
		h.hold()
	}
}

func (h *headroom) hold() {
	// Unlike make, a Builder does not clear its memory.
	room := new(strings.Builder)
	if !h.held.CompareAndSwap(nil, room) {
		return
	}
	// Who has set a limit needs the collector to heed it.
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		room.Grow(headroomBytes)
	}
	time.AfterFunc(headroomLooks, h.look)
}

// look gives the memory back if few messages came since the last look.
func (h *headroom) look() {
	if h.allocated.Swap(0) > headroomAfter {
		time.AfterFunc(headroomLooks, h.look)
	} else {
		h.held.Store(nil)
	}
}
