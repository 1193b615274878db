//go:build cgo

package kafka

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Consumer reads messages as a member of a group.
//
// Its methods may be called from any goroutine. A message counts as delivered, and is committed, once Poll, ReadMessage,
// PollBatch or a receive from Events gave it to the application, although many are fetched at once.
type Consumer struct {
	*handle
	events  coreChan
	ready   *readiness
	closing atomic.Bool

	// What the settings say.
	readsChannel bool
	rebalances   bool // the application wants to hear of them, and may answer

	// Guards what follows, and the order of rows. Nobody waits while holding it.
	mu   sync.Mutex
	feed feed
	// What Subscribe was given.
	rebalanceCb RebalanceCb
	// It is running. Nobody else receives meanwhile.
	inCallback bool
	// A static member of the classic protocol, which never leaves its group.
	keepsPlace bool
	// The way to Events, nil without.
	reader *reader
}

// Rows fetched at once for a caller that takes one at a time.
const pollRows = 1000

// fetchedFor is how long rows are handed out before the core is asked again, so that it can store what was delivered and
// sees that the application lives.
const fetchedFor = 20 * time.Millisecond

// closeTimeout is the time that Close takes at most.
const closeTimeout = 10 * time.Second

// NewConsumer makes a consumer. The map is not changed. Close the consumer when done.
func NewConsumer(conf *ConfigMap) (*Consumer, error) {
	if conf == nil {
		return nil, NewError(ErrInvalidArg, "NewConsumer needs a ConfigMap", false)
	}
	settings := conf.clone()
	if _, found := settings["group.id"]; !found {
		return nil, NewError(ErrInvalidArg, "Required property group.id not set", false)
	}
	c := &Consumer{}
	var err error
	if c.readsChannel, err = extract(settings, "go.events.channel.enable", false); err != nil {
		return nil, err
	}
	size, err := extract(settings, "go.events.channel.size", 1000)
	if err != nil {
		return nil, err
	}
	if size < 0 {
		return nil, NewError(ErrInvalidArg, "go.events.channel.size must not be negative", false)
	}
	if c.rebalances, err = extract(settings, "go.application.rebalance.enable", false); err != nil {
		return nil, err
	}
	logs, err := extractLogs(settings)
	if err != nil {
		return nil, err
	}
	c.keepsPlace = settings.has("group.instance.id") && !settings.is("group.protocol", "consumer")
	if c.handle, err = openHandle(kindConsumer, settings, logs); err != nil {
		return nil, err
	}
	if err := c.start(size); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Consumer) start(size int) (err error) {
	if c.events, err = c.core.events(); err != nil {
		return err
	}
	if c.ready, err = newReadiness(c.events); err != nil {
		return err
	}
	c.feed.init()
	// The reader answers rebalances itself, so that it can take back what they make outdated.
	if err = c.core.applicationRebalance(c.rebalances || c.readsChannel); err != nil {
		return err
	}
	if c.readsChannel {
		c.reader = startReader(c, size)
	}
	return nil
}

// String is the name of the consumer.
func (c *Consumer) String() string { return c.name }

// Logs is the channel of log lines, nil unless go.logs.channel.enable is set.
func (c *Consumer) Logs() chan LogEvent { return c.logs.channel() }

// Events is the channel of messages and events with go.events.channel.enable, and nil without. It is closed by Close. It
// holds one event at most: what is fetched ahead waits in the library.
//
// Nothing outdated comes out of it: before a revoke is told, and while Seek, Pause, Assign and their like run, what waits
// in the channel is taken back. What a receiver took before that, it has.
func (c *Consumer) Events() chan Event {
	if c.reader == nil {
		return nil
	}
	return c.reader.events
}

// ---- receiving -----------------------------------------------------------------------------------------------------

// Poll returns the next message or event, for which it waits up to timeoutMs (-1: for ever); nil if there is none.
// A closed consumer gives an Error with code ErrState.
func (c *Consumer) Poll(timeoutMs int) (event Event) {
	event, m, err := c.next(context.Background(), msDuration(timeoutMs))
	switch {
	case m != nil:
		return m
	case err == nil || isTimeout(err):
		return event
	}
	return asEvent(err)
}

// PollContext is Poll until ctx ends, whose error it then returns.
func (c *Consumer) PollContext(ctx context.Context) (Event, error) {
	for {
		event, m, err := c.next(ctx, -1)
		switch {
		case m != nil:
			return m, nil
		case event != nil || err != nil:
			return event, err
		}
	}
}

// ReadMessage returns the next message, for which it waits up to the timeout (negative: for ever). An Error event is
// returned as an error, and other events are dropped. When the time is up, the error is an Error with IsTimeout.
func (c *Consumer) ReadMessage(timeout time.Duration) (*Message, error) {
	m, err := c.readMessage(context.Background(), timeout)
	if err != nil && isTimeout(err) {
		return nil, newErrorFromCode(int(ErrTimedOut))
	}
	return m, err
}

// ReadMessageContext is ReadMessage until ctx ends, whose error it then returns.
func (c *Consumer) ReadMessageContext(ctx context.Context) (*Message, error) {
	return c.readMessage(ctx, -1)
}

func (c *Consumer) readMessage(ctx context.Context, timeout time.Duration) (*Message, error) {
	deadline := time.Time{}
	for {
		event, m, err := c.next(ctx, timeout)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return m, nil
		}
		switch e := event.(type) {
		case *Message:
			return e, nil
		case Error:
			return nil, e
		}
		if timeout > 0 {
			if deadline.IsZero() {
				deadline = time.Now().Add(timeout)
			}
			timeout = max(time.Until(deadline), 0)
		}
	}
}

// next returns the next message or event; neither after a rebalance that a callback dealt with. timeout is negative for
// ever.
func (c *Consumer) next(ctx context.Context, timeout time.Duration) (Event, *Message, error) {
	if c.readsChannel {
		event, err := c.nextOfChannel(ctx, timeout)
		return event, nil, err
	}
	event, m, err := c.tryNext()
	if m != nil {
		return nil, m, nil
	}
	if event == nil && err == nil {
		if event, m, err = c.waitNext(ctx, timeout); err != nil {
			return nil, nil, err
		}
	}
	if event != nil && isRebalance(event) {
		event = c.dealWith(event)
	}
	return event, m, err
}

// waitNext is apart from next because what its function shares with it is allocated.
func (c *Consumer) waitNext(ctx context.Context, timeout time.Duration) (event Event, m *Message, err error) {
	if timeout == 0 {
		return nil, nil, os.ErrDeadlineExceeded
	}
	wait := c.ready.wait(ctx, deadlineAfter(timeout), func() bool {
		event, m, err = c.tryNext()
		return event != nil || m != nil || err != nil
	})
	if wait != nil {
		return nil, nil, waitError(wait)
	}
	return event, m, err
}

func waitError(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return closedError()
	}
	return err
}

// tryNext does not wait; there may be nothing. Messages are not passed as Event, for the sake of ReadMessage.
func (c *Consumer) tryNext() (Event, *Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inCallback {
		return nil, nil, nil
	}
	for {
		if !c.feed.isDue() {
			if m := c.feed.message(); m != nil {
				return nil, m, nil
			}
			if event, m := c.feed.take(); event != nil || m != nil {
				c.inCallback = event != nil && c.rebalanceCb != nil && isRebalance(event)
				return event, m, nil
			}
		}
		if code := c.feed.receive(c.events, pollRows); code == codeWouldBlock {
			return nil, nil, nil
		} else if code != 0 {
			return nil, nil, c.feed.rows.err(code)
		}
	}
}

func (c *Consumer) nextOfChannel(ctx context.Context, timeout time.Duration) (Event, error) {
	select {
	case event, ok := <-c.reader.events:
		return fromChannel(event, ok)
	default:
	}
	if timeout == 0 {
		return nil, os.ErrDeadlineExceeded
	}
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case event, ok := <-c.reader.events:
		return fromChannel(event, ok)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	}
}

func fromChannel(event Event, ok bool) (Event, error) {
	if !ok {
		return nil, closedError()
	}
	return event, nil
}

func isTimeout(err error) bool {
	return err == os.ErrDeadlineExceeded || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func asEvent(err error) Event {
	if e, ok := err.(Error); ok {
		return e
	}
	return NewError(ErrFail, err.Error(), false)
}

// settle tells the core exactly what was delivered, and runs body before anything else is.
func (c *Consumer) settle(body func()) {
	if c.reader != nil {
		c.reader.settle(body)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.feed.giveBack(c.events)
	body()
}

// ---- closing -------------------------------------------------------------------------------------------------------

// Close commits what was delivered (enable.auto.commit), leaves the group and ends the consumer, within 10 seconds. Whoever
// waits for a message returns.
func (c *Consumer) Close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.CloseContext(ctx)
}

// CloseContext is Close within the deadline of ctx, or a minute. Only that counts: an end of ctx before it doesn't.
func (c *Consumer) CloseContext(ctx context.Context) error {
	if err := c.verifyClient(); err != nil {
		return err
	}
	if !c.closing.CompareAndSwap(false, true) {
		return NewError(ErrState, "Consumer is already closing", false)
	}
	timeout := -1
	if deadline, ok := ctx.Deadline(); ok {
		timeout = milliseconds(max(time.Until(deadline), 0))
	}
	start := time.Now()
	if c.reader != nil {
		c.reader.stop()
	} else if c.ready != nil {
		c.settle(func() {})
	}
	if c.ready != nil {
		c.leaveWithCallback(timeout)
	}
	if timeout > 0 {
		timeout = max(timeout-int(time.Since(start).Milliseconds()), 1)
	}
	_, err := c.core.close(timeout)
	c.closed.Store(true)
	c.logs.close()
	if c.ready != nil {
		c.ready.close()
		c.mu.Lock()
		c.feed.close()
		c.mu.Unlock()
		// With a descriptor, the channel outlives the client until it is let go.
		c.events.free()
	}
	return err
}
