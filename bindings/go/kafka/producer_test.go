package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEachMessageHasOneReportOnEvents(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	const count = 5000
	for i := 0; i < count; i++ {
		m := message(topic, fmt.Sprint(i))
		m.Opaque = i
		check(t, p.Produce(m, nil))
	}
	seen := make(map[int]bool)
	for len(seen) < count {
		switch e := receive(t, p.Events()).(type) {
		case *Message:
			check(t, e.TopicPartition.Error)
			i := e.Opaque.(int)
			if seen[i] || string(e.Value) != fmt.Sprint(i) || e.TopicPartition.Offset < 0 || *e.TopicPartition.Topic != topic {
				t.Fatalf("report of %d: %v %q, seen %v", i, e, e.Value, seen[i])
			}
			seen[i] = true
		case Error:
			t.Log(e)
		}
	}
	if n := p.Len(); n != 0 {
		t.Fatalf("Len is %d", n)
	}
}

func TestWithoutDeliveryReportsPrivateChannelsGetEveryOne(t *testing.T) {
	p := newProducer(t, ConfigMap{"go.delivery.reports": false})
	topic := fresh("topic")
	const count = 2000
	reports := make(chan Event, count)
	for i := 0; i < count; i++ {
		check(t, p.Produce(message(topic, "without"), nil))
		check(t, p.Produce(message(topic, "with"), reports))
	}
	for i := 0; i < count; i++ {
		if m := receive(t, reports).(*Message); string(m.Value) != "with" || m.TopicPartition.Error != nil {
			t.Fatalf("report %d: %v %q", i, m, m.Value)
		}
	}
	p.Close()
	for e := range p.Events() {
		if m, ok := e.(*Message); ok {
			t.Fatalf("a report on Events: %v", m)
		}
	}
}

func TestUnreadPrivateChannelsDelayNoOtherReport(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	for i := 0; i < 200; i++ {
		check(t, p.Produce(message(topic, "unread"), make(chan Event)))
	}
	reports := make(chan Event, 1)
	check(t, p.Produce(message(topic, "read"), reports))
	receive(t, reports)
	if n := p.Flush(int(patient / time.Millisecond)); n != 0 {
		t.Fatalf("Flush returned %d", n)
	}
	p.Close()
}

func TestAnUnbufferedPrivateChannelGetsReportsInOrder(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	reports := make(chan Event)
	for i := 0; i < 1000; i++ {
		m := message(topic, fmt.Sprint(i))
		m.TopicPartition.Partition = 0
		check(t, p.Produce(m, reports))
	}
	for i := 0; i < 1000; i++ {
		if m := receive(t, reports).(*Message); string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("report %d is of %q", i, m.Value)
		}
	}
}

func TestAClosedPrivateChannelDoesNotKillTheProcess(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	closed := make(chan Event)
	for i := 0; i < 10; i++ {
		check(t, p.Produce(message(topic, "x"), closed))
	}
	close(closed)
	check(t, p.Produce(message(topic, "x"), closed))
	if n := p.Flush(int(patient / time.Millisecond)); n != 0 {
		t.Fatalf("Flush returned %d", n)
	}
}

func TestFlushWaitsForResultsAndNotForReaders(t *testing.T) {
	p := newProducer(t, ConfigMap{"linger.ms": 5000})
	topic := fresh("topic")
	produceAll(t, p, topic, 100)
	start := time.Now()
	if n := p.Flush(-1); n != 0 {
		t.Fatalf("Flush returned %d", n)
	}
	if took := time.Since(start); onMock() && took > 4*time.Second {
		t.Fatalf("Flush lingered: %v", took)
	}
	// All reports are on Events already.
	if n := len(p.Events()); n < 100 {
		t.Fatalf("%d reports on Events", n)
	}
	// Len counts them, as in the original client.
	if n := p.Len(); n < 100 {
		t.Fatalf("Len is %d", n)
	}
}

func produceAll(t *testing.T, p *Producer, topic string, count int) {
	t.Helper()
	for i := 0; i < count; i++ {
		check(t, p.Produce(message(topic, "x"), nil))
	}
}

func TestFlushSendsWhatIsInTheProduceChannelFirst(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	for i := 0; i < 3000; i++ {
		p.ProduceChannel() <- message(topic, "x")
	}
	if n := p.Flush(-1); n != 0 {
		t.Fatalf("Flush returned %d", n)
	}
	if n := countReports(p); n != 3000 {
		t.Fatalf("%d reports", n)
	}
}

func countReports(p *Producer) (count int) {
	for {
		select {
		case e := <-p.Events():
			if _, ok := e.(*Message); ok {
				count++
			}
		default:
			return count
		}
	}
}

func TestTheProduceChannelKeepsAllOfAMessage(t *testing.T) {
	for _, batch := range []bool{false, true} {
		p := newProducer(t, ConfigMap{"go.batch.producer": batch, "go.delivery.report.fields": "all"})
		topic := fresh("topic")
		sent := fullMessages(topic)
		for _, m := range sent {
			p.ProduceChannel() <- m
		}
		for range sent {
			e := receive(t, p.Events())
			m, ok := e.(*Message)
			if !ok {
				t.Fatal(e)
			}
			check(t, m.TopicPartition.Error)
			want := sent[m.Opaque.(int)]
			if err := sameMessage(want, m); err != nil {
				t.Fatalf("report of %d: %v", m.Opaque, err)
			}
		}
	}
}

// fullMessages differ in all that a message can have, null and empty among it.
func fullMessages(topic string) []*Message {
	var all []*Message
	for i, value := range [][]byte{nil, {}, []byte("v"), make([]byte, 100_000)} {
		for j, key := range [][]byte{nil, {}, []byte("k")} {
			m := message(topic, "")
			m.TopicPartition.Partition = 0
			m.Key, m.Value, m.Opaque = key, value, len(all)
			m.Timestamp = time.UnixMilli(1_600_000_000_000 + int64(len(all)))
			if i != j {
				m.Headers = []Header{{"a", nil}, {"b", []byte{}}, {"", []byte("c")}, {"d", []byte(fmt.Sprint(i, j))}}
			}
			all = append(all, m)
		}
	}
	return all
}

func sameMessage(want, got *Message) error {
	same := func(one, other []byte) bool { return (one == nil) == (other == nil) && string(one) == string(other) }
	if !same(want.Key, got.Key) {
		return fmt.Errorf("key %#v, want %#v", got.Key, want.Key)
	}
	if !same(want.Value, got.Value) {
		return fmt.Errorf("value of %d bytes (nil: %v), want %d (%v)", len(got.Value), got.Value == nil, len(want.Value), want.Value == nil)
	}
	if len(want.Headers) != len(got.Headers) {
		return fmt.Errorf("headers %v, want %v", got.Headers, want.Headers)
	}
	for i, h := range want.Headers {
		if g := got.Headers[i]; g.Key != h.Key || !same(g.Value, h.Value) {
			return fmt.Errorf("header %d is %v, want %v", i, g, h)
		}
	}
	if want.TopicPartition.Partition != got.TopicPartition.Partition {
		return fmt.Errorf("partition %d", got.TopicPartition.Partition)
	}
	return nil
}

func TestNullAndEmptyAreToldApartAllTheWay(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	sent := fullMessages(topic)
	reports := make(chan Event, len(sent))
	for _, m := range sent {
		check(t, p.Produce(m, reports))
		// The buffers are the caller's again.
		m.Value = append([]byte(nil), m.Value...)
		if sent[m.Opaque.(int)].Value != nil && m.Value == nil {
			m.Value = []byte{}
		}
	}
	sent = fullMessages(topic)
	for range sent {
		check(t, receive(t, reports).(*Message).TopicPartition.Error)
	}
	c := newConsumer(t, nil)
	check(t, c.Subscribe(topic, nil))
	for i, want := range sent {
		m := must(c.ReadMessage(patient))(t)
		if err := sameMessage(want, m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if !onMock() && !m.Timestamp.Equal(want.Timestamp) {
			t.Fatalf("timestamp %v, want %v", m.Timestamp, want.Timestamp)
		}
		if m.LeaderEpoch != m.TopicPartition.LeaderEpoch {
			t.Fatal("two leader epochs")
		}
	}
}

func TestBuffersMayBeReusedWhenProduceReturns(t *testing.T) {
	p := newProducer(t, nil)
	topic := fresh("topic")
	buffer := make([]byte, 1)
	reports := make(chan Event, 100)
	for i := 0; i < 100; i++ {
		buffer[0] = byte(i)
		m := message(topic, "")
		m.TopicPartition.Partition, m.Value = 0, buffer
		check(t, p.Produce(m, reports))
	}
	for i := 0; i < 100; i++ {
		if m := receive(t, reports).(*Message); m.Value[0] != byte(i) {
			t.Fatalf("report %d has %d", i, m.Value[0])
		}
	}
}

func TestProduceTellsErrorsAtOnce(t *testing.T) {
	p := newProducer(t, ConfigMap{"message.max.bytes": 1000000})
	topic, empty := fresh("topic"), ""
	for what, one := range map[string]struct {
		m    *Message
		code ErrorCode
	}{
		"nil":         {nil, ErrInvalidArg},
		"no topic":    {&Message{}, ErrInvalidArg},
		"empty topic": {&Message{TopicPartition: TopicPartition{Topic: &empty}}, ErrInvalidArg},
		"too large":   {&Message{TopicPartition: TopicPartition{Topic: &topic}, Value: make([]byte, 2000000)}, ErrMsgSizeTooLarge},
	} {
		err := p.Produce(one.m, nil)
		if failed, ok := err.(Error); !ok || failed.Code() != one.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := p.Produce(&Message{}, nil); err.Error() != "Local: Invalid argument or configuration" {
		t.Error(err)
	}
	check(t, p.Produce(message(topic, "x"), nil))
	if p.Flush(-1) != 0 {
		t.Fatal("not flushed")
	}
	m := message(topic, "x")
	m.TopicPartition.Partition = 1000
	if err := p.Produce(m, nil); err == nil || err.(Error).Code() != ErrUnknownPartition {
		t.Errorf("unknown partition: %v", err)
	}
}

func unreachable(settings ConfigMap) ConfigMap {
	settings["bootstrap.servers"] = "127.0.0.1:1"
	return settings
}

func TestAFullQueueIsAnErrorOrWaitsUntilTheContextEnds(t *testing.T) {
	p := newProducer(t, unreachable(ConfigMap{"queue.buffering.max.messages": 10, "message.timeout.ms": 300000}))
	topic := fresh("topic")
	produceAll(t, p, topic, 10)
	if err := p.Produce(message(topic, "x"), nil); err.(Error).Code() != ErrQueueFull {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		runtime.Gosched()
		cancel()
	}()
	if err := p.ProduceContext(ctx, message(topic, "x"), nil); err != context.Canceled {
		t.Fatal(err)
	}
	// Room comes, and the waiting message goes.
	done := make(chan error)
	go func() { done <- p.ProduceContext(context.Background(), message(topic, "x"), nil) }()
	check(t, p.Purge(PurgeQueue))
	check(t, receive(t, done))
}

func TestSendersThatWaitForRoomHaveTheirTurns(t *testing.T) {
	const senders, enough = 16, 3000
	p := newProducer(t, ConfigMap{"queue.buffering.max.messages": 500, "linger.ms": 5, "go.delivery.reports": false})
	topic := fresh("topic")
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	var shares [senders]atomic.Int64
	var sending sync.WaitGroup
	for i := range shares {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for p.ProduceContext(ctx, message(topic, "x"), nil) == nil {
				shares[i].Add(1)
				// Until all have enough, or one has what all should have and some have little.
				if least, most := extremes(shares[:]); least >= enough || most > 4*enough {
					cancel()
				}
			}
		}()
	}
	sending.Wait()
	if least, most := extremes(shares[:]); least < enough || most > 2*least {
		t.Fatalf("%d to %d messages", least, most)
	}
}

func extremes(counts []atomic.Int64) (least, most int64) {
	least = math.MaxInt64
	for i := range counts {
		count := counts[i].Load()
		least, most = min(least, count), max(most, count)
	}
	return least, most
}

func TestASenderWithItsOwnChannelDoesNotWaitForReadersOfEvents(t *testing.T) {
	p := newProducer(t, ConfigMap{"go.events.channel.size": 1})
	topic := fresh("topic")
	produceAll(t, p, topic, 1)
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error)
	go func() { waiting <- p.ProduceContext(ctx, message(topic, "for Events"), nil) }()
	own := make(chan Event, 1)
	for range 100 {
		check(t, p.ProduceContext(context.Background(), message(topic, "for its own"), own))
		receive(t, own)
	}
	cancel()
	receive(t, waiting)
}

func TestPurgedMessagesHaveTheirReports(t *testing.T) {
	p := newProducer(t, unreachable(ConfigMap{}))
	produceAll(t, p, fresh("topic"), 10)
	check(t, p.Purge(PurgeQueue|PurgeNonBlocking))
	check(t, p.Purge(0))
	if err := p.Purge(8); err == nil || err.(Error).Code() != ErrInvalidArg {
		t.Fatal(err)
	}
	for i := 0; i < 10; {
		if m, ok := receive(t, p.Events()).(*Message); ok {
			if m.TopicPartition.Error.(Error).Code() != ErrPurgeQueue {
				t.Fatal(m.TopicPartition.Error)
			}
			i++
		}
	}
}

func TestCloseKeepsItsDeadlineAndReportsWhatItGivesUp(t *testing.T) {
	p := newProducer(t, unreachable(ConfigMap{"queue.buffering.max.messages": 5}))
	topic := fresh("topic")
	const viaChannel = 20
	produceAll(t, p, topic, 5)
	// The queue is full: these wait in the produce channel.
	for i := 0; i < viaChannel; i++ {
		p.ProduceChannel() <- message(topic, "channel")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := p.CloseContext(ctx); err == nil {
		t.Error("no error tells of what was given up")
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	reports := 0
	for e := range p.Events() {
		if m, ok := e.(*Message); ok {
			reports++
			if m.TopicPartition.Error == nil {
				t.Error("delivered?")
			}
		}
	}
	if reports != 5+viaChannel {
		t.Errorf("%d reports", reports)
	}
}

func TestClosingTwiceAndCallsAfterCloseAreErrors(t *testing.T) {
	p := newProducer(t, nil)
	name := p.String()
	p.Close()
	p.Close()
	if _, open := <-p.Events(); open {
		t.Error("Events is open")
	}
	topic := fresh("topic")
	for what, err := range map[string]error{
		"Produce":         p.Produce(message(topic, "x"), nil),
		"ProduceContext":  p.ProduceContext(context.Background(), message(topic, "x"), nil),
		"Purge":           p.Purge(PurgeQueue),
		"GetFatalError":   p.GetFatalError(),
		"FlushContext":    p.FlushContext(context.Background()),
		"SetSasl":         p.SetSaslCredentials("a", "b"),
		"SetOAuth":        p.SetOAuthBearerToken(OAuthBearerToken{}),
		"SetOAuthFailure": p.SetOAuthBearerTokenFailure("x"),
	} {
		if failed, ok := err.(Error); !ok || failed.Code() != ErrState || failed.Error() != "Operation not allowed on closed client" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !p.IsClosed() || p.Len() != 0 || p.Flush(-1) != 0 || p.String() != name {
		t.Error("a closed producer says something else")
	}
}

func TestAnIdleProducerIsSmall(t *testing.T) {
	const count = 20
	before := heapBytes()
	producers := make([]*Producer, count)
	for i := range producers {
		producers[i] = newProducer(t, nil)
	}
	each := (heapBytes() - before) / count
	t.Logf("%d bytes of heap for an idle producer", each)
	if each > 1<<20 {
		t.Errorf("%d bytes of heap for an idle producer", each)
	}
	runtime.KeepAlive(producers)
}

func TestNoGoroutineIsLeftAfterClose(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, "0")
	cycle := func() {
		p := must(NewProducer(&ConfigMap{"bootstrap.servers": servers}))(t)
		check(t, p.Produce(message(topic, "x"), nil))
		p.ProduceChannel() <- message(topic, "y")
		p.Close()
		for _, channel := range []bool{false, true} {
			c := must(NewConsumer(&ConfigMap{"bootstrap.servers": servers, "group.id": fresh("group"),
				"go.events.channel.enable": channel}))(t)
			check(t, c.Subscribe(topic, nil))
			c.Poll(1)
			check(t, c.Close())
		}
	}
	cycle()
	before, filesBefore := runtime.NumGoroutine(), openFiles(t)
	cycles := 100
	for i := 0; i < cycles; i++ {
		cycle()
	}
	// The last goroutines may be on their way out.
	for end := time.Now().Add(patient); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		buffer := make([]byte, 1<<20)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, after, buffer[:runtime.Stack(buffer, true)])
	}
	// Another client of the test's may have its connection made meanwhile.
	if after := openFiles(t); after > filesBefore+cycles/10 {
		t.Fatalf("%d descriptors before, %d after %d cycles", filesBefore, after, cycles)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	return len(must(os.ReadDir("/proc/self/fd"))(t))
}

func TestAReportFieldThatIsNoneIsRefused(t *testing.T) {
	for _, fields := range []string{"foo", "key, value"} {
		_, err := NewProducer(&ConfigMap{"go.delivery.report.fields": fields})
		var failed Error
		if err == nil || errors.As(err, &failed) {
			t.Errorf("%q: %v", fields, err)
		}
	}
}

func TestReportsHaveTheFieldsAskedFor(t *testing.T) {
	for fields, want := range map[string][3]bool{"": {}, "none": {}, "all": {true, true, true}, "key": {true}, "value,headers": {false, true, true}} {
		p := newProducer(t, ConfigMap{"go.delivery.report.fields": fields})
		m := message(fresh("topic"), "value")
		m.Key, m.Headers, m.Opaque = []byte("key"), []Header{{"h", []byte("v")}}, "opaque"
		reports := make(chan Event, 1)
		check(t, p.Produce(m, reports))
		report := receive(t, reports).(*Message)
		if got := [3]bool{report.Key != nil, report.Value != nil, report.Headers != nil}; got != want || report.Opaque != "opaque" {
			t.Errorf("%q: %v", fields, got)
		}
		if report == m || report.TopicPartition.Topic == m.TopicPartition.Topic {
			t.Error("the report is the message itself")
		}
	}
}
