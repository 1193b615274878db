//go:build cgo

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Flags of Purge.
const (
	// PurgeInFlight gives up messages that a broker has not answered for.
	PurgeInFlight = 2
	// PurgeQueue gives up messages that wait to be sent.
	PurgeQueue = 1
	// PurgeNonBlocking is allowed, and changes nothing: Purge does not wait.
	PurgeNonBlocking = 4
)

// Producer sends messages. Its methods may be called from any goroutine.
//
// Every message that was accepted has exactly one delivery report, also when it is purged or the producer is closed: on the
// private channel that it named, else on Events. A channel that nobody reads delays no other.
type Producer struct {
	*handle
	events chan Event
	// Delivery reports of messages without a private channel go to Events.
	reports bool
	// Reports on Events that nobody has received: beyond it Produce says that the queue is full.
	maxUnread int

	topics    sync.Map // names to coreTopic
	lastTopic atomic.Pointer[knownTopic]
	tickets   tickets
	outlets   *outlets
	inbox     *inbox
	channel   *produceChannel
	room      gate
	lines     lines
	closing   atomic.Bool
}

type knownTopic struct {
	name string
	core coreTopic
}

const (
	// Slots of Events and ProduceChannel unless the settings say otherwise. What does not fit waits beside Events, so that
	// no more memory is needed before there are events; the default that the settings document is a bound for that.
	channelSlots       = 10_000
	defaultChannelSize = 1_000_000

	// producerCloseTimeout is the time that Close takes at most.
	producerCloseTimeout = 5 * time.Second
	// A queue that is full is tried again after this time at the latest.
	roomLooks = 5 * time.Millisecond
	// Flush is called in slices, since a call holds a thread and can't be woken.
	flushSlice = 5 * time.Millisecond
)

// NewProducer makes a producer. The map is not changed. Close the producer when done.
func NewProducer(conf *ConfigMap) (*Producer, error) {
	if conf == nil {
		return nil, NewError(ErrInvalidArg, "NewProducer needs a ConfigMap", false)
	}
	settings := conf.clone()
	options, err := extractProducerOptions(settings)
	if err != nil {
		return nil, err
	}
	h, err := openHandle(kindProducer, settings, options.logs)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		handle:    h,
		events:    make(chan Event, slots(options.eventsSize)),
		reports:   options.reports,
		maxUnread: options.eventsSize,
		lines:     newLines(),
		outlets:   newOutlets(),
	}
	if p.inbox, err = startInbox(p); err != nil {
		h.core.close(0)
		h.logs.close()
		return nil, err
	}
	p.channel = startProduceChannel(p, slots(options.produceSize))
	return p, nil
}

type producerOptions struct {
	reports                 bool
	eventsSize, produceSize int
	logs                    logSettings
}

// slots is the capacity of a channel. What was set is taken at its word.
func slots(size int) int {
	if size == defaultChannelSize {
		return channelSlots
	}
	return size
}

func extractProducerOptions(settings ConfigMap) (o producerOptions, err error) {
	if only, found := settings["delivery.report.only.error"]; found && fmt.Sprint(only) != "false" {
		return o, NewError(ErrUnsupportedFeature,
			"delivery.report.only.error=true is not currently supported by the Go client", false)
	}
	if o.reports, err = extract(settings, "go.delivery.reports", true); err != nil {
		return o, err
	}
	fields, err := extract(settings, "go.delivery.report.fields", "key,value")
	if err != nil {
		return o, err
	}
	if settings["go.delivery.report.fields"], err = reportFields(fields); err != nil {
		return o, err
	}
	for _, size := range []struct {
		key  string
		into *int
	}{{"go.events.channel.size", &o.eventsSize}, {"go.produce.channel.size", &o.produceSize}} {
		if *size.into, err = extract(settings, size.key, defaultChannelSize); err != nil {
			return o, err
		}
		if *size.into < 0 {
			return o, NewError(ErrInvalidArg, size.key+" must not be negative", false)
		}
	}
	// Messages of the produce channel are sent in batches in any case.
	if _, err = extract(settings, "go.batch.producer", false); err != nil {
		return o, err
	}
	o.logs, err = extractLogs(settings)
	return o, err
}

// reportFields is the value for the core.
func reportFields(fields string) (string, error) {
	if fields == "" || fields == "none" {
		return "none", nil
	}
	if fields == "all" {
		return fields, nil
	}
	for _, field := range strings.Split(fields, ",") {
		if field != "key" && field != "value" && field != "headers" {
			return "", errors.New("unknown message field: " + field)
		}
	}
	return fields, nil
}

// String is the name of the producer.
func (p *Producer) String() string { return p.name }

// Events is the channel of delivery reports (*Message) and other events. It is closed by Close, once.
func (p *Producer) Events() chan Event { return p.events }

// Logs is the channel of log lines, nil unless go.logs.channel.enable is set.
func (p *Producer) Logs() chan LogEvent { return p.logs.channel() }

// ProduceChannel is a way to produce by sending. A sender waits while the queue is full. A message that can't be produced
// comes back on Events, with the reason in TopicPartition.Error.
func (p *Producer) ProduceChannel() chan *Message { return p.channel.messages }

// ---- producing -----------------------------------------------------------------------------------------------------

// Produce sends a message: it returns when the message is queued, and the buffers of the message may be used again.
//
// The delivery report, a new *Message, goes to deliveryChan, or else to Events. Errors that are known at once are returned,
// and have no report: ErrQueueFull, ErrMsgSizeTooLarge, ErrUnknownPartition, ErrUnknownTopic, ErrInvalidArg, ErrState.
func (p *Producer) Produce(msg *Message, deliveryChan chan Event) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	topic, err := p.topicFor(msg)
	if err != nil {
		return err
	}
	number, flags := uint64(0), uint32(0)
	if deliveryChan == nil {
		if !p.reports {
			flags = messageNoReport
		} else {
			if p.unread() >= p.maxUnread {
				return newErrorFromCode(int(ErrQueueFull))
			}
			number = p.tickets.issue(ticket{opaque: msg.Opaque})
		}
	} else {
		number = p.tickets.issue(ticket{msg.Opaque, deliveryChan})
	}
	code := 0
	if len(msg.Headers) == 0 {
		code = p.core.send(topic, msg.TopicPartition.Partition, msg.Key, msg.Value, nil, timestampOf(msg), number, flags)
	} else {
		code = p.sendWithHeaders(msg, topic, number, flags)
	}
	if code != 0 {
		p.tickets.redeem(number)
		return newErrorFromCode(code)
	}
	return nil
}

func (p *Producer) sendWithHeaders(msg *Message, topic coreTopic, number uint64, flags uint32) int {
	r := recordsPool.Get().(*records)
	defer recordsPool.Put(r)
	r.reset()
	r.add(msg, topic, number)
	var codes [1]int32
	done, code := p.core.sendBatch(r, 0, flags, codes[:])
	if code != 0 || done == 0 {
		return code
	}
	return int(codes[0])
}

// ProduceContext is Produce that waits while the queue is full, until ctx ends, whose error it then returns. Those who wait
// have their turns, in the order in which they came.
func (p *Producer) ProduceContext(ctx context.Context, msg *Message, deliveryChan chan Event) error {
	line := p.lines.of(deliveryChan)
	if len(line) == 0 {
		if err := p.Produce(msg, deliveryChan); !isQueueFull(err) {
			return err
		}
	}
	select {
	case line <- struct{}{}:
		defer func() { <-line }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		opened := p.room.opened()
		if err := p.Produce(msg, deliveryChan); !isQueueFull(err) {
			return err
		}
		timer := time.NewTimer(roomLooks)
		select {
		case <-opened:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

func isQueueFull(err error) bool {
	failed, ok := err.(Error)
	return ok && failed.code == ErrQueueFull
}

func (p *Producer) topicFor(msg *Message) (coreTopic, error) {
	if msg == nil || msg.TopicPartition.Topic == nil || *msg.TopicPartition.Topic == "" {
		return 0, newErrorFromCode(int(ErrInvalidArg))
	}
	name := *msg.TopicPartition.Topic
	if last := p.lastTopic.Load(); last != nil && last.name == name {
		return last.core, nil
	}
	found, ok := p.topics.Load(name)
	if !ok {
		core, err := p.core.topic(name)
		if err != nil {
			return 0, err
		}
		// The text may share its memory with much more.
		found = &knownTopic{strings.Clone(name), core}
		p.topics.Store(found.(*knownTopic).name, found)
	}
	p.lastTopic.Store(found.(*knownTopic))
	return found.(*knownTopic).core, nil
}

// unread counts what waits on Events.
func (p *Producer) unread() int {
	waiting := len(p.events)
	if waiting < cap(p.events) {
		return waiting
	}
	return waiting + p.outlets.backlogOf(p.events)
}

// Len is the number of messages without a result, in ProduceChannel and beyond, and of events on Events that nobody has
// received; 0 once closed.
func (p *Producer) Len() int {
	if p.verifyClient() != nil {
		return 0
	}
	return p.pending() + len(p.events) + p.outlets.backlogOf(p.events)
}

// pending counts messages without a result.
func (p *Producer) pending() int { return p.channel.waiting() + p.core.pending() }

// Flush waits until every message has a result, up to timeoutMs (-1: for ever), and sends without lingering meanwhile. It
// returns the number of messages without a result. It does not wait for reports to be read.
func (p *Producer) Flush(timeoutMs int) int {
	return p.flush(context.Background(), deadlineAfter(msDuration(timeoutMs)))
}

// FlushContext is Flush until ctx ends, whose error it then returns.
func (p *Producer) FlushContext(ctx context.Context) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	if p.flush(ctx, time.Time{}) > 0 {
		return ctx.Err()
	}
	return nil
}

func (p *Producer) flush(ctx context.Context, deadline time.Time) int {
	if p.verifyClient() != nil {
		return 0
	}
	// What is in the produce channel now has to be sent first.
	sent := p.channel.whenEmpty()
	for {
		slice := flushSlice
		if !deadline.IsZero() {
			slice = min(slice, time.Until(deadline))
		}
		if ctx.Err() != nil || slice <= 0 {
			return p.pending()
		}
		pending, code := p.core.flush(milliseconds(slice))
		if code == codeClosed {
			return 0
		}
		if pending > 0 {
			continue
		}
		select {
		case <-sent:
			sent = nil
			if p.core.pending() == 0 {
				p.inbox.receive()
				return 0
			}
		default:
			if sent == nil {
				p.inbox.receive()
				return 0
			}
			timer := time.NewTimer(slice)
			select {
			case <-sent:
				sent = nil
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}
}

// Purge gives up messages: PurgeQueue, PurgeInFlight, or both. Their reports come with ErrPurgeQueue or ErrPurgeInflight.
func (p *Producer) Purge(flags int) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	if flags&^(PurgeQueue|PurgeInFlight|PurgeNonBlocking) != 0 {
		return newErrorFromCode(int(ErrInvalidArg))
	}
	if flags &^= PurgeNonBlocking; flags == 0 {
		return nil
	}
	return p.core.purge(uint32(flags))
}

// GetFatalError is the error that ended the producer, or nil.
func (p *Producer) GetFatalError() error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	err := p.core.fatal()
	if failed, ok := err.(Error); ok {
		failed.fatal = true
		return failed
	}
	return err
}

// TestFatalError makes a fatal error, to test how a program takes it. ErrPrevInProgress if there is one already.
func (p *Producer) TestFatalError(code ErrorCode, str string) ErrorCode {
	if p.verifyClient() != nil {
		return ErrState
	}
	var failed Error
	if errors.As(p.core.raiseFatal(code, str), &failed) {
		return failed.Code()
	}
	return ErrNoError
}

// ---- closing -------------------------------------------------------------------------------------------------------

// Close ends the producer, within 5 seconds: it sends what it can, and gives up the rest. Each message has its report by
// then; what nobody has received of Events can be received until Events is closed, with what its capacity holds.
// Call Flush before, to wait for longer.
func (p *Producer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), producerCloseTimeout)
	defer cancel()
	p.CloseContext(ctx)
}

// CloseContext is Close within the deadline of ctx, or a minute. Only that counts: an end of ctx before it doesn't. The error
// tells how many messages were given up.
func (p *Producer) CloseContext(ctx context.Context) error {
	if !p.closing.CompareAndSwap(false, true) {
		return closedError()
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	failed := p.channel.close(deadline)
	result, err := p.core.close(milliseconds(max(time.Until(deadline), 0)))
	p.closed.Store(true)
	p.inbox.close()
	p.outlets.close()
	close(p.events)
	p.logs.close()
	if given := failed + result.purged + result.unknown; err == nil && given > 0 {
		err = NewError(ErrPurgeQueue, fmt.Sprintf("%d messages were given up", given), false)
	}
	return err
}

// ---- reports -------------------------------------------------------------------------------------------------------

// inbox is the goroutine that receives a producer's reports and events.
type inbox struct {
	producer *Producer
	from     coreChan
	ready    *readiness
	done     chan struct{}

	// Guards what follows, and the order of reports.
	mu      sync.Mutex
	feed    feed
	tickets []ticket
}

// Rows that are received at once.
const inboxRows = 4096

func startInbox(p *Producer) (*inbox, error) {
	from, err := p.core.events()
	if err != nil {
		return nil, err
	}
	ready, err := newReadiness(from)
	if err != nil {
		return nil, err
	}
	b := &inbox{producer: p, from: from, ready: ready, done: make(chan struct{})}
	b.feed.rows = newRows()
	go b.run()
	return b, nil
}

func (b *inbox) run() {
	defer close(b.done)
	for {
		code := codeWouldBlock
		err := b.ready.wait(context.Background(), time.Time{}, func() bool {
			code = b.receiveOnce()
			return code != codeWouldBlock
		})
		if err != nil || code != 0 {
			return
		}
	}
}

// receive passes on what is there.
func (b *inbox) receive() {
	for b.receiveOnce() == 0 {
	}
}

func (b *inbox) receiveOnce() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed.rows.native == nil {
		return codeClosed
	}
	code := b.feed.rows.recv(b.from, allRows, inboxRows)
	if code == 0 {
		b.feed.reset()
		b.pass()
		b.producer.room.open()
	}
	return code
}

// pass sends the rows to the channels that they are for.
func (b *inbox) pass() {
	r := b.feed.rows
	for row := 0; row < r.count; {
		if r.kind[row] != rowReport {
			if event := b.feed.event(row); event != nil {
				b.producer.outlets.send(b.producer.events, event)
			}
			row++
			continue
		}
		end := r.group(row, r.count)
		b.tickets = b.producer.tickets.redeemAll(r.opaque[row:end], b.tickets)
		slots := r.convert(row, end, &b.feed.names, &buffers{})
		for i := range slots {
			of := b.tickets[i]
			slots[i].Opaque = of.opaque
			to := of.to
			if to == nil {
				to = b.producer.events
			}
			b.producer.outlets.send(to, &slots[i].Message)
		}
		row = end
	}
	clear(b.tickets)
}

// close passes on what the client left when it closed, and ends the goroutine.
func (b *inbox) close() {
	<-b.done
	b.ready.close()
	b.receive()
	b.from.free()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed.rows.free()
}

// ---- produce channel -----------------------------------------------------------------------------------------------

// produceChannel is the goroutine behind ProduceChannel. It sends what waits there in batches.
type produceChannel struct {
	producer *Producer
	messages chan *Message
	// Channels to be closed when nothing is left to send.
	whenEmptyRequests chan chan struct{}
	probes            chan struct{}
	inHand            atomic.Int64
	deadline          atomic.Pointer[time.Time]
	done              chan struct{}

	batch []*Message
	codes []int32
	// Messages that could not be sent before the producer closed.
	givenUp int
}

const (
	channelBatchRows  = 512
	channelBatchBytes = 1 << 20
)

func startProduceChannel(p *Producer, size int) *produceChannel {
	c := &produceChannel{
		producer:          p,
		messages:          make(chan *Message, size),
		whenEmptyRequests: make(chan chan struct{}),
		probes:            make(chan struct{}),
		done:              make(chan struct{}),
	}
	go c.run()
	return c
}

// waiting counts messages that were sent to the channel and not to the core.
func (c *produceChannel) waiting() int {
	if count := len(c.messages) + int(c.inHand.Load()); count > 0 {
		return count
	}
	// The goroutine may have taken one and not yet counted it; not if it answers.
	select {
	case c.probes <- struct{}{}:
	case <-c.done:
	default:
		return 1
	}
	return len(c.messages)
}

// whenEmpty is closed once all that is in the channel now was sent to the core.
func (c *produceChannel) whenEmpty() <-chan struct{} {
	empty := make(chan struct{})
	select {
	case c.whenEmptyRequests <- empty:
		return empty
	case <-c.done:
		close(empty)
		return empty
	default:
		// The goroutine is at work.
	}
	go func() {
		select {
		case c.whenEmptyRequests <- empty:
		case <-c.done:
			close(empty)
		}
	}()
	return empty
}

func (c *produceChannel) run() {
	defer close(c.done)
	for {
		select {
		case m, open := <-c.messages:
			if !open {
				return
			}
			c.take(m)
		case <-c.probes:
		case empty := <-c.whenEmptyRequests:
			for n := len(c.messages); n > 0; n = len(c.messages) {
				m, open := <-c.messages
				if !open {
					break
				}
				c.take(m)
			}
			close(empty)
		}
	}
}

// take sends a message, and those that wait behind it.
func (c *produceChannel) take(m *Message) {
	c.batch = append(c.batch[:0], m)
	for size := 0; len(c.batch) < channelBatchRows && size < channelBatchBytes; {
		select {
		case m, open := <-c.messages:
			if !open {
				c.send()
				return
			}
			c.batch = append(c.batch, m)
			if m != nil {
				size += len(m.Key) + len(m.Value)
			}
			continue
		default:
		}
		break
	}
	c.send()
}

func (c *produceChannel) send() {
	c.inHand.Store(int64(len(c.batch)))
	defer c.inHand.Store(0)
	r := recordsPool.Get().(*records)
	defer recordsPool.Put(r)
	for rest := c.batch; len(rest) > 0; {
		rest = c.sendSome(r, rest)
	}
	clear(c.batch)
}

// sendSome sends as many messages as can be encoded together, and returns the others.
func (c *produceChannel) sendSome(r *records, batch []*Message) []*Message {
	p := c.producer
	flags := uint32(0)
	if !p.reports {
		flags = messageNoReport
	}
	r.reset()
	encoded := batch[:0:len(batch)]
	for _, m := range batch {
		topic, err := p.topicFor(m)
		if err != nil {
			c.fail(m, err)
			continue
		}
		number := uint64(0)
		if p.reports {
			number = p.tickets.issue(ticket{opaque: m.Opaque})
		}
		r.add(m, topic, number)
		encoded = append(encoded, m)
	}
	for from := 0; from < len(encoded); {
		for p.reports && p.unread() >= p.maxUnread && c.waitForRoom(p.room.opened()) {
		}
		c.codes = sized(c.codes, len(encoded)-from)
		opened := p.room.opened()
		done, code := p.core.sendBatch(r, from, flags, c.codes)
		for i, code := range c.codes[:done] {
			if code != 0 {
				p.tickets.redeem(r.opaque[from+i])
				c.fail(encoded[from+i], newErrorFromCode(int(code)))
			}
		}
		from += done
		c.inHand.Add(-int64(done))
		if from == len(encoded) {
			break
		}
		if code != int(ErrQueueFull) || !c.waitForRoom(opened) {
			if code == int(ErrQueueFull) {
				code = int(ErrPurgeQueue)
			}
			for i, m := range encoded[from:] {
				p.tickets.redeem(r.opaque[from+i])
				c.fail(m, newErrorFromCode(code))
				c.givenUp++
			}
			return nil
		}
		if !r.canBeginAt(from) {
			for i := range encoded[from:] {
				p.tickets.redeem(r.opaque[from+i])
			}
			return encoded[from:]
		}
	}
	return nil
}

// waitForRoom is false when the producer closes, and its time is up.
func (c *produceChannel) waitForRoom(opened <-chan struct{}) bool {
	if deadline := c.deadline.Load(); deadline != nil && time.Now().After(*deadline) {
		return false
	}
	timer := time.NewTimer(roomLooks)
	defer timer.Stop()
	select {
	case <-opened:
	case <-timer.C:
	}
	return true
}

// fail gives a message back, with the reason.
func (c *produceChannel) fail(m *Message, err error) {
	if m == nil {
		c.producer.outlets.send(c.producer.events, NewError(ErrInvalidArg, "nil was sent to ProduceChannel", false))
		return
	}
	m.TopicPartition.Error = err
	c.producer.outlets.send(c.producer.events, m)
}

// close sends what is in the channel until the deadline, and returns how many messages could not be sent.
func (c *produceChannel) close(deadline time.Time) int {
	c.deadline.Store(&deadline)
	close(c.messages)
	<-c.done
	return c.givenUp
}

// lines are those of who waits for room; whoever is at the head of one holds its slot. Who waits for a reader of Events is
// in no other's way.
type lines struct {
	events, private chan struct{}
}

func newLines() lines { return lines{make(chan struct{}, 1), make(chan struct{}, 1)} }

func (l *lines) of(deliveryChan chan Event) chan struct{} {
	if deliveryChan == nil {
		return l.events
	}
	return l.private
}

// gate tells those who wait that something has happened.
type gate struct {
	mu sync.Mutex
	ch chan struct{}
}

func (g *gate) opened() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	return g.ch
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}
