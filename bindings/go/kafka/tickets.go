//go:build cgo

package kafka

import "sync"

// ticket is what a delivery report needs of the message beside what the core knows.
type ticket struct {
	opaque interface{}
	// The private channel; nil for Events.
	to chan Event
}

// tickets keeps them under numbers, from 1 on, while messages are on their way.
type tickets struct {
	mu    sync.Mutex
	slots []ticket
	free  []uint64
}

// issue is 0 for a message that needs none.
func (t *tickets) issue(of ticket) uint64 {
	if of.opaque == nil && of.to == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		number := t.free[n-1]
		t.free = t.free[:n-1]
		t.slots[number-1] = of
		return number
	}
	t.slots = append(t.slots, of)
	return uint64(len(t.slots))
}

func (t *tickets) redeem(number uint64) ticket {
	if number == 0 {
		return ticket{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(number)
}

// redeemAll takes the tickets of many messages.
func (t *tickets) redeemAll(numbers []uint64, into []ticket) []ticket {
	into = into[:0]
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, number := range numbers {
		if number == 0 {
			into = append(into, ticket{})
		} else {
			into = append(into, t.take(number))
		}
	}
	return into
}

func (t *tickets) take(number uint64) ticket {
	of := t.slots[number-1]
	t.slots[number-1] = ticket{}
	t.free = append(t.free, number)
	return of
}
