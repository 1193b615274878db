//go:build cgo

package kafka

import (
	"context"
	"iter"
)

// Batch is memory for many messages that is used again: see PollInto.
type Batch struct {
	// Messages are valid until the batch is filled again.
	Messages []*Message

	memory buffers
}

// PollBatch returns up to max messages, as many as are there and at least one, for which it waits until ctx ends, whose error
// it then returns. All of them count as delivered.
//
// An Error event is returned as an error, in its order among the messages; other events are dropped, and a rebalance is
// dealt with as by Poll. The messages are the caller's to keep.
func (c *Consumer) PollBatch(ctx context.Context, max int) ([]*Message, error) {
	return c.pollBatch(ctx, max, nil, nil)
}

// PollInto is PollBatch into memory that is used again: b.Messages, and all that they hold, are valid until the next call with
// b. It is the fastest way to consume.
func (c *Consumer) PollInto(ctx context.Context, b *Batch, max int) error {
	var err error
	b.Messages, err = c.pollBatch(ctx, max, b.Messages[:0], &b.memory)
	return err
}

// Messages iterates over messages until ctx ends or the consumer is closed. An Error event comes as an error; the iteration
// goes on after it.
//
//	for m, err := range consumer.Messages(ctx) {
func (c *Consumer) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for {
			m, err := c.ReadMessageContext(ctx)
			if err != nil && (ctx.Err() != nil || c.closing.Load()) {
				return
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

func (c *Consumer) pollBatch(ctx context.Context, max int, into []*Message, memory *buffers) ([]*Message, error) {
	if max <= 0 {
		return into, NewError(ErrInvalidArg, "max must be positive", false)
	}
	if c.readsChannel {
		return into, NewError(ErrState, "messages go to Events (go.events.channel.enable)", false)
	}
	for {
		messages, event, err := c.tryBatch(max, into, memory)
		if len(messages) == 0 && event == nil && err == nil {
			wait := c.ready.wait(ctx, deadlineAfter(-1), func() bool {
				messages, event, err = c.tryBatch(max, into, memory)
				return len(messages) > 0 || event != nil || err != nil
			})
			if wait != nil {
				return into, waitError(wait)
			}
		}
		if len(messages) > 0 || err != nil {
			return messages, err
		}
		if isRebalance(event) {
			c.dealWith(event)
		} else if failed, ok := event.(Error); ok {
			return into, failed
		}
		if ctx.Err() != nil {
			return into, ctx.Err()
		}
	}
}

// tryBatch does not wait; there may be nothing. With memory, messages are converted into that.
func (c *Consumer) tryBatch(max int, into []*Message, memory *buffers) ([]*Message, Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inCallback {
		return nil, nil, nil
	}
	for {
		if !c.feed.isDue() {
			if messages := c.feed.messages(max, into, memory); len(messages) > 0 {
				return messages, nil, nil
			}
			// The next row is not a message, if there is one.
			if event, _ := c.feed.take(); event != nil {
				c.inCallback = c.rebalanceCb != nil && isRebalance(event)
				return nil, event, nil
			}
		}
		if code := c.feed.receive(c.events, uint32(clamp(max, pollRows, maxBatchRows))); code == codeWouldBlock {
			return nil, nil, nil
		} else if code != 0 {
			return nil, nil, c.feed.rows.err(code)
		}
	}
}

// A batch holds no more rows. Nor are there ever fewer than pollRows asked for, since those of one event should not be
// torn apart; what is too much stays for the next call.
const maxBatchRows = 1 << 20

func clamp(value, low, high int) int { return max(low, min(value, high)) }

// messages takes up to max of the messages that come next.
func (f *feed) messages(max int, into []*Message, memory *buffers) []*Message {
	for len(into) < max && f.next < f.rows.count && f.rows.kind[f.next] == rowMessage {
		slots := f.slots[min(f.next-f.first, len(f.slots)):]
		switch {
		case len(slots) > 0:
			slots = slots[:min(len(slots), max-len(into))]
		case memory != nil:
			// Once, for the memory of a second run would be that of the first.
			slots = f.rows.convert(f.next, f.run(max-len(into)), &f.names, memory)
			f.next += len(slots)
			return appendMessages(into, slots)
		default:
			slots = f.rows.convert(f.next, f.rows.group(f.next, max-len(into)), &f.names, &buffers{})
		}
		f.next += len(slots)
		into = appendMessages(into, slots)
	}
	return into
}

func appendMessages(into []*Message, slots []slot) []*Message {
	for i := range slots {
		into = append(into, &slots[i].Message)
	}
	return into
}

// run is the end of the messages that come next, at most max.
func (f *feed) run(max int) int {
	end := f.next
	for end < f.rows.count && end-f.next < max && f.rows.kind[end] == rowMessage {
		end++
	}
	return end
}
