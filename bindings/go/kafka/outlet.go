//go:build cgo

package kafka

import (
	"sync"
	"time"
)

// outlets carry events to Go channels, each in order. An event whose channel has no room waits in a list without bound, and
// a goroutine that lives as long as the list is not empty sends it: so a channel that nobody reads delays no other.
type outlets struct {
	mu      sync.Mutex
	waiting map[chan Event]*backlog
	feeders sync.WaitGroup
	// Closed when the producer closes: from then on a channel that nobody reads is given up.
	closing chan struct{}
}

// backlog is what waits for one channel.
type backlog struct {
	events []Event
	// The first of them is being sent.
	first int
}

// patience is how long a closing producer waits for a channel to be read on.
const patience = 100 * time.Millisecond

func newOutlets() *outlets {
	return &outlets{waiting: make(map[chan Event]*backlog), closing: make(chan struct{})}
}

// send never waits. An event for a channel that the application has closed is dropped.
func (o *outlets) send(to chan Event, event Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b, waits := o.waiting[to]; waits {
		b.events = append(b.events, event)
		return
	}
	if trySend(to, event) {
		return
	}
	o.waiting[to] = &backlog{events: []Event{event}}
	o.feeders.Add(1)
	go o.feed(to)
}

// trySend is true for a closed channel, too: there is nothing to wait for.
func trySend(to chan Event, event Event) (done bool) {
	defer func() {
		if recover() != nil {
			done = true
		}
	}()
	select {
	case to <- event:
		return true
	default:
		return false
	}
}

func (o *outlets) feed(to chan Event) {
	defer o.feeders.Done()
	for {
		event, any := o.next(to)
		if !any || !o.sendOne(to, event) {
			return
		}
	}
}

// next is the event to send now; the backlog ends with its last event.
func (o *outlets) next(to chan Event) (Event, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.waiting[to]
	if b.first == len(b.events) {
		delete(o.waiting, to)
		return nil, false
	}
	event := b.events[b.first]
	b.events[b.first] = nil
	b.first++
	if b.first >= 1024 && b.first*2 >= len(b.events) {
		b.events = append([]Event(nil), b.events[b.first:]...)
		b.first = 0
	}
	return event, true
}

// sendOne waits until the event is taken; false if it is not worth going on.
func (o *outlets) sendOne(to chan Event, event Event) (goOn bool) {
	defer func() {
		if !goOn {
			o.drop(to)
		}
	}()
	defer func() {
		if recover() != nil {
			goOn = false
		}
	}()
	select {
	case to <- event:
		return true
	case <-o.closing:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case to <- event:
		return true
	case <-timer.C:
		return false
	}
}

func (o *outlets) drop(to chan Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, to)
}

// backlogOf is the number of events that wait for a channel beside what the channel holds.
func (o *outlets) backlogOf(to chan Event) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, waits := o.waiting[to]
	if !waits {
		return 0
	}
	// The one that is being sent counts until it was sent.
	return len(b.events) - b.first + 1
}

// close returns when all was sent, or nobody reads any more.
func (o *outlets) close() {
	close(o.closing)
	o.feeders.Wait()
}
