//go:build cgo

package kafka

import (
	"context"
	"sync"
	"time"
)

// reader is the goroutine that fills a consumer's Events.
//
// What waits in the channel is not delivered yet: the core has lent it, as a few batches (flights), and hears of a batch
// only when the application has received all of it. So everything that makes rows outdated first takes back what waits in
// the channel, tells the core exactly how far the application came, and gets from it again what is still valid.
//
// The channel holds one event at most. Of two, the application might receive the second just after the first was taken
// back.
type reader struct {
	consumer *Consumer
	events   chan Event
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}

	// The goroutine's own: when to look whether it is wanted, and whether that is to come. It is left to run from one event
	// to the next.
	looks   *time.Timer
	looking bool

	// Under the consumer's lock, as is what follows. It is told of when nobody offers or settles any more.
	changed *sync.Cond
	// Batches with events that wait in the channel, oldest first. Events are taken from the last.
	flights []*flight
	// Batches with a rebalance that the application has received and not answered.
	unanswered []*flight
	// Batches that are free. What they held was received, and the core may have to hear that.
	free []*flight
	// Events of the flights that were sent to the channel.
	sent int
	// An event that was taken and did not fit.
	pending Event
	// The goroutine is sending the pending event, without the lock.
	offering bool
	// Goroutines that wait to settle. The reader lets them go first.
	settlers int
	stopped  bool
	ended    bool // the channel is closed
	abandon  chan struct{}
}

// flight is a batch whose events are on their way.
type flight struct {
	feed
	// For each event that was sent: how many rows are delivered once it was received.
	marks []uint32
	spent bool // the core does not know that all of it was delivered
	// The core has the rows back; only events that were sent before are still counted.
	ghost bool
}

const (
	// Rows of a flight: an application that dies may see as many again.
	flightRows = 256
	// Flights at once.
	maxFlights = 8
	// How often a reader that can't go on looks whether the core wants it, or the application has received something.
	readerLooks = 10 * time.Millisecond
)

func startReader(c *Consumer, size int) *reader {
	r := &reader{
		consumer: c,
		events:   make(chan Event, min(size, 1)),
		done:     make(chan struct{}),
		abandon:  make(chan struct{}, 1),
		changed:  sync.NewCond(&c.mu),
		looks:    time.NewTimer(time.Hour),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	go r.run()
	return r
}

type readerState int

const (
	readerIdle    readerState = iota // nothing to send
	readerFull                       // the pending event does not fit
	readerLate                       // too many flights, which the application has to receive first
	readerCalls                      // the pending event is for the callback
	readerStopped                    // no more comes
)

func (r *reader) run() {
	defer close(r.done)
	defer r.looks.Stop()
	for {
		r.consumer.mu.Lock()
		for r.settlers > 0 {
			r.changed.Wait()
		}
		state := r.step()
		r.offering = state == readerFull
		r.consumer.mu.Unlock()
		switch state {
		case readerIdle:
			state = r.await()
		case readerFull:
			r.offer()
		case readerCalls:
			r.call()
		case readerLate:
			select {
			case <-time.After(readerLooks):
			case <-r.ctx.Done():
			}
		}
		if state == readerStopped {
			return
		}
	}
}

// await waits for rows. While events wait in the channel it looks now and then whether they were received.
func (r *reader) await() readerState {
	deadline := time.Time{}
	state := readerIdle
	err := r.consumer.ready.wait(r.ctx, deadline, func() bool {
		r.consumer.mu.Lock()
		defer r.consumer.mu.Unlock()
		if r.settlers == 0 {
			state = r.step()
		}
		if state == readerIdle && len(r.flights) > 0 && deadline.IsZero() {
			deadline = time.Now().Add(10 * readerLooks)
			r.consumer.ready.file.SetReadDeadline(deadline)
		}
		r.offering = state == readerFull
		return state != readerIdle || r.settlers > 0
	})
	switch state {
	case readerFull:
		r.offer()
	case readerCalls:
		r.call()
	}
	if err != nil && r.ctx.Err() != nil {
		return readerStopped
	}
	return state
}

// offer sends the pending event without the lock, until it is wanted back.
func (r *reader) offer() {
	sent := false
	if !r.looking {
		r.looks.Reset(readerLooks)
		r.looking = true
	}
	select {
	case r.events <- r.pending:
		sent = true
	case <-r.abandon:
	case <-r.looks.C:
		r.looking = false
	case <-r.ctx.Done():
	}
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	r.offering = false
	select {
	case <-r.abandon:
	default:
	}
	if sent {
		r.wasSent()
	}
	r.changed.Broadcast()
}

// wasSent notes that the pending event is in the channel.
func (r *reader) wasSent() {
	last := r.flights[len(r.flights)-1]
	last.marks = append(last.marks, uint32(last.next))
	r.sent++
	r.pending = nil
}

// step sends what fits, and fetches what to send.
func (r *reader) step() readerState {
	for {
		if r.stopped {
			return readerStopped
		}
		r.release()
		if r.needsAttention() {
			r.takeBack()
		}
		if state := r.sendFlight(); state != readerIdle {
			return state
		}
		if len(r.flights) == maxFlights {
			return readerLate
		}
		switch code := r.fetch(); code {
		case 0:
		case codeWouldBlock:
			return readerIdle
		default:
			return readerStopped
		}
	}
}

func (r *reader) needsAttention() bool {
	for _, f := range r.flights {
		if !f.ghost {
			return f.rows.needsAttention()
		}
	}
	return false
}

// sendFlight sends the rest of the last flight, as far as that is possible now.
func (r *reader) sendFlight() readerState {
	if len(r.flights) == 0 {
		return readerIdle
	}
	last := r.flights[len(r.flights)-1]
	for !last.ghost {
		if r.pending == nil {
			event, m := last.take()
			switch {
			case m != nil:
				r.pending = m
			case event == nil:
				return readerIdle
			case !isRebalance(event):
				r.pending = event
			case r.consumer.rebalanceCb != nil:
				r.pending = event
				r.detach(last)
				r.unanswered = append(r.unanswered, last)
				return readerCalls
			case r.consumer.rebalances:
				r.pending = event
			default:
				// The core answers when it gets the rows back.
				last.rebalancing = false
				r.detach(last)
				last.giveBack(r.consumer.events)
				r.free = append(r.free, last)
				return readerIdle
			}
		}
		select {
		case r.events <- r.pending:
			r.wasSent()
		default:
			return readerFull
		}
	}
	return readerIdle
}

// detach takes the last flight out of the order.
func (r *reader) detach(last *flight) {
	r.flights = r.flights[:len(r.flights)-1]
	if len(last.marks) > 0 {
		r.flights = append(r.flights, &flight{marks: last.marks, ghost: true})
		last.marks = nil
	}
}

// call has the callback deal with the pending rebalance, without the lock.
func (r *reader) call() {
	r.consumer.mu.Lock()
	event, callback := r.pending, r.consumer.rebalanceCb
	r.pending = nil
	r.consumer.mu.Unlock()
	callback(r.consumer, event)
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	r.answered()
}

// answered gives back what was kept until the application answered a rebalance. If it did not, the core does now.
func (r *reader) answered() {
	for _, f := range r.unanswered {
		f.rebalancing = false
		f.giveBack(r.consumer.events)
		r.free = append(r.free, f)
	}
	r.unanswered = nil
}

func (r *reader) fetch() int {
	var f *flight
	if n := len(r.free); n > 0 {
		f, r.free = r.free[n-1], r.free[:n-1]
	} else {
		f = &flight{}
		f.rows = newRows()
	}
	delivered := uint32(0)
	if f.spent {
		delivered = allRows
	}
	code := f.rows.recv(r.consumer.events, delivered, flightRows)
	f.rebalancing = false
	f.reset()
	f.step, f.marks, f.spent = flightRows, f.marks[:0], false
	if code != 0 {
		r.free = append(r.free, f)
		return code
	}
	if len(r.flights) > 0 && f.tellsOfRebalance() {
		r.takeBack()
	}
	r.flights = append(r.flights, f)
	return code
}

// release frees the flights of which all was received.
func (r *reader) release() {
	received := r.sent - len(r.events)
	for len(r.flights) > 0 {
		first := r.flights[0]
		if !first.ghost && first.next < first.rows.count || len(first.marks) > received || (r.pending != nil && len(r.flights) == 1) {
			return
		}
		received -= len(first.marks)
		r.sent -= len(first.marks)
		r.flights = r.flights[1:]
		if first.ghost {
			continue
		}
		if first.rebalancing {
			r.unanswered = append(r.unanswered, first)
			continue
		}
		first.spent = true
		r.free = append(r.free, first)
	}
}

// takeBack empties the channel, and gives back to the core what the application has not received.
func (r *reader) takeBack() {
	var taken []Event
	for empty := false; !empty; {
		select {
		case event := <-r.events:
			taken = append(taken, event)
		default:
			empty = true
		}
	}
	received := r.sent - len(taken)
	flights := r.flights
	r.flights, r.sent, r.pending = nil, 0, nil
	for _, f := range flights {
		count := max(min(received, len(f.marks)), 0)
		received -= count
		left := len(f.marks) - count
		if f.ghost {
			r.sendAgain(taken[:left])
		} else {
			r.giveBack(f, count)
		}
		taken = taken[left:]
	}
	for _, f := range r.free {
		if f.spent {
			f.rows.recv(r.consumer.events, allRows, 0)
			f.spent = false
		}
	}
}

// giveBack tells the core that `count` events of the flight were received.
func (r *reader) giveBack(f *flight, count int) {
	if f.rebalancing && count == len(f.marks) && count > 0 && int(f.marks[count-1]) == f.next {
		r.unanswered = append(r.unanswered, f)
		return
	}
	delivered := uint32(0)
	if count > 0 {
		delivered = f.marks[count-1]
	}
	f.rows.recv(r.consumer.events, delivered, 0)
	f.reset()
	f.marks, f.spent, f.rebalancing = f.marks[:0], false, false
	r.free = append(r.free, f)
}

// sendAgain sends events of which the core has no rows any more.
func (r *reader) sendAgain(events []Event) {
	ghost := &flight{ghost: true}
	for _, event := range events {
		select {
		case r.events <- event:
			ghost.marks = append(ghost.marks, 0)
			r.sent++
		default:
		}
	}
	if len(ghost.marks) > 0 {
		r.flights = append(r.flights, ghost)
	}
}

// settle takes back what waits in the channel, and runs body before anything is sent again.
func (r *reader) settle(body func()) {
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	r.settlers++
	for r.offering {
		select {
		case r.abandon <- struct{}{}:
		default:
		}
		r.changed.Wait()
	}
	if !r.ended {
		r.takeBack()
	}
	body()
	r.settlers--
	r.changed.Broadcast()
}

// stop ends the goroutine, takes back what was not received, and closes the channel.
func (r *reader) stop() {
	r.settle(func() { r.stopped = true })
	r.cancel()
	<-r.done
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	r.ended = true
	close(r.events)
	for _, f := range append(r.free, r.unanswered...) {
		f.rows.free()
	}
	r.free, r.unanswered = nil, nil
}
