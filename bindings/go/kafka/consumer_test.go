package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAConsumerReadsWhatAProducerSent(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 1000)...)
	c := newConsumer(t, nil)
	check(t, c.Subscribe(topic, nil))
	for i := 0; i < 1000; i++ {
		checkNumber(t, must(c.ReadMessage(patient))(t), topic, i)
	}
	check(t, c.Close())
}

// checkNumber is for messages of produce(numbers(0, …)), of which each has its offset as its value.
func checkNumber(t *testing.T, m *Message, topic string, want int) {
	t.Helper()
	if string(m.Value) != fmt.Sprint(want) || int(m.TopicPartition.Offset) != want || *m.TopicPartition.Topic != topic {
		t.Fatalf("message %d is %v: %q", want, m, m.Value)
	}
}

func ofPartition(topic string, partition int32, offset Offset) []TopicPartition {
	return []TopicPartition{{Topic: &topic, Partition: partition, Offset: offset}}
}

// assigned is a consumer of partition 0 of a topic that holds numbers, without events of automatic commits.
func assigned(t *testing.T, topic string, settings ConfigMap) *Consumer {
	t.Helper()
	all := ConfigMap{"enable.auto.commit": false}
	for key, value := range settings {
		all[key] = value
	}
	c := newConsumer(t, all)
	check(t, c.Assign(ofPartition(topic, 0, OffsetBeginning)))
	return c
}

func TestEveryWayToReceiveGivesTheSame(t *testing.T) {
	topic := fresh("topic")
	const count = 3000
	produce(t, topic, numbers(0, count)...)
	ways := map[string]func(*Consumer) []*Message{
		"Poll": func(c *Consumer) []*Message {
			if m, ok := c.Poll(-1).(*Message); ok {
				return []*Message{m}
			}
			return nil
		},
		"ReadMessage": func(c *Consumer) []*Message { return []*Message{must(c.ReadMessage(-1))(t)} },
		"Events": func(c *Consumer) []*Message {
			if m, ok := receive(t, c.Events()).(*Message); ok {
				return []*Message{m}
			}
			return nil
		},
		"Poll of a channel": func(c *Consumer) []*Message {
			if m, ok := c.Poll(-1).(*Message); ok {
				return []*Message{m}
			}
			return nil
		},
		"PollBatch":          func(c *Consumer) []*Message { return must(c.PollBatch(context.Background(), 100))(t) },
		"PollBatch of three": func(c *Consumer) []*Message { return must(c.PollBatch(context.Background(), 3))(t) },
		"PollBatch of all":   func(c *Consumer) []*Message { return must(c.PollBatch(context.Background(), 1<<30))(t) },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			c := assigned(t, topic, ConfigMap{"go.events.channel.enable": strings.Contains(strings.ToLower(name), "chan") || name == "Events"})
			for i := 0; i < count; {
				for _, m := range way(c) {
					checkNumber(t, m, topic, i)
					i++
				}
			}
			check(t, c.Close())
		})
	}
	t.Run("PollInto", func(t *testing.T) {
		c := assigned(t, topic, nil)
		var b Batch
		for i := 0; i < count; {
			check(t, c.PollInto(context.Background(), &b, 700))
			for _, m := range b.Messages {
				checkNumber(t, m, topic, i)
				i++
			}
		}
	})
	t.Run("Messages", func(t *testing.T) {
		c := assigned(t, topic, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		i := 0
		for m, err := range c.Messages(ctx) {
			check(t, err)
			checkNumber(t, m, topic, i)
			if i++; i == count {
				cancel()
			}
		}
		if i != count {
			t.Fatal(i)
		}
	})
}

func TestWhatIsKeptStaysAsItWasAndPinsLittle(t *testing.T) {
	topic := fresh("topic")
	const count, size = 4000, 1000
	values := make([]string, count)
	for i := range values {
		values[i] = strings.Repeat(fmt.Sprintf("%08d", i), size/8)
	}
	produce(t, topic, values...)
	c := assigned(t, topic, nil)
	var kept []*Message
	before := heapBytes()
	for i := 0; i < count; i++ {
		m := must(c.ReadMessage(patient))(t)
		if i%100 == 0 {
			kept = append(kept, m)
		}
	}
	each := (heapBytes() - before) / int64(len(kept))
	t.Logf("each message that was kept pins %d bytes", each)
	if each > 64<<10+10_000 {
		t.Errorf("each message that was kept pins %d bytes", each)
	}
	for i, m := range kept {
		if string(m.Value) != values[i*100] {
			t.Fatalf("message %d has changed", i*100)
		}
	}
}

func TestCommittedOffsetsAndPositionSpeakOfWhatWasReceived(t *testing.T) {
	for _, channel := range []bool{false, true} {
		t.Run(fmt.Sprint("channel ", channel), func(t *testing.T) {
			topic := fresh("topic")
			produce(t, topic, numbers(0, 2000)...)
			c := assigned(t, topic, ConfigMap{"go.events.channel.enable": channel, "enable.auto.commit": false})
			next := 0
			for _, steps := range []int{10, 1, 500, 1000} {
				for i := 0; i < steps; i++ {
					m, ok := pollSomething(t, c).(*Message)
					if !ok {
						t.Fatal("no message")
					}
					checkNumber(t, m, topic, next)
					next++
				}
				where := must(c.Position(ofPartition(topic, 0, 0)))(t)
				if int(where[0].Offset) != next {
					t.Fatalf("after %d messages the position is %v", next, where)
				}
				done := must(c.Commit())(t)
				if len(done) != 1 || int(done[0].Offset) != next || done[0].Error != nil {
					t.Fatalf("after %d messages committed %v", next, done)
				}
				if got := must(c.Committed(ofPartition(topic, 0, 0), 10000))(t); int(got[0].Offset) != next {
					t.Fatalf("after %d messages the group has committed %v", next, got)
				}
			}
			if _, err := c.Commit(); err == nil || err.(Error).Code() != ErrNoOffset {
				t.Fatalf("nothing new, and Commit says %v", err)
			}
		})
	}
}

func pollSomething(t *testing.T, c *Consumer) Event {
	t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); {
		if event := c.Poll(1000); event != nil {
			return event
		}
	}
	t.Fatal("nothing came")
	return nil
}

// groupIsAt asks what a group has committed for partition 0.
func groupIsAt(t *testing.T, group, topic string) int {
	t.Helper()
	// The mock does not let a second consumer into a group that was left.
	c := newConsumer(t, ConfigMap{"group.id": group})
	return int(must(c.Committed(ofPartition(topic, 0, 0), int(patient/time.Millisecond)))(t)[0].Offset)
}

func TestACleanCloseCommitsWhatWasReceivedAndNoMore(t *testing.T) {
	for _, channel := range []bool{false, true} {
		for _, count := range []int{1, 300, 1000} {
			topic, group := fresh("topic"), fresh("group")
			produce(t, topic, numbers(0, 1000)...)
			c := newConsumer(t, ConfigMap{"group.id": group, "go.events.channel.enable": channel})
			check(t, c.Subscribe(topic, nil))
			for i := 0; i < count; i++ {
				checkNumber(t, pollMessage(t, c), topic, i)
			}
			check(t, c.Close())
			if got := groupIsAt(t, group, topic); got != count {
				t.Fatalf("after %d messages the group is at %d", count, got)
			}
			if c.Events() != nil {
				if event, open := <-c.Events(); open {
					t.Fatalf("Events gives %v after Close", event)
				}
			}
		}
	}
}

func TestNothingOutdatedComesAfterSeekPauseAndAssign(t *testing.T) {
	for _, channel := range []bool{false, true} {
		t.Run(fmt.Sprint("channel ", channel), func(t *testing.T) {
			topic := fresh("topic")
			produce(t, topic, numbers(0, 2000)...)
			c := assigned(t, topic, ConfigMap{"go.events.channel.enable": channel})
			place := func(offset int) TopicPartition { return ofPartition(topic, 0, Offset(offset))[0] }
			take := func(next, count int) int {
				for i := 0; i < count; i++ {
					checkNumber(t, pollSomething(t, c).(*Message), topic, next)
					next++
				}
				return next
			}
			next := take(0, 100)
			for i := 0; i < 30; i++ {
				switch i % 3 {
				case 0:
					next = i * 50
					check(t, c.Seek(place(next), 0))
				case 1:
					check(t, c.Pause([]TopicPartition{place(0)}))
					if event := c.Poll(20); event != nil {
						t.Fatalf("a paused partition gives %v", event)
					}
					check(t, c.Resume([]TopicPartition{place(0)}))
				case 2:
					next = i * 40
					check(t, c.Assign([]TopicPartition{place(next)}))
				}
				next = take(next, 1+i*7)
			}
		})
	}
}

func TestARefusedSeekLeavesThePartitionAsItWas(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 100)...)
	c := assigned(t, topic, nil)
	checkNumber(t, pollSomething(t, c).(*Message), topic, 0)
	if err := c.Seek(ofPartition(topic, 0, OffsetStored)[0], 0); err == nil {
		t.Error("sought to OffsetStored")
	}
	answer := must(c.SeekPartitions(append(ofPartition(topic, 0, 50), ofPartition(topic, 7, 1)...)))(t)
	if answer[0].Error != nil || answer[1].Error == nil {
		t.Errorf("%v", answer)
	}
	if _, err := c.SeekPartitions(nil); err == nil || err.Error() != "partitions must be specified" {
		t.Error(err)
	}
	checkNumber(t, pollSomething(t, c).(*Message), topic, 50)
}

func TestTheApplicationAnswersARebalanceFromPoll(t *testing.T) {
	for _, channel := range []bool{false, true} {
		t.Run(fmt.Sprint("channel ", channel), func(t *testing.T) {
			topic := fresh("topic")
			produce(t, topic, numbers(0, 100)...)
			c := newConsumer(t, ConfigMap{"go.application.rebalance.enable": true, "go.events.channel.enable": channel})
			check(t, c.Subscribe(topic, nil))
			event, ok := pollSomething(t, c).(AssignedPartitions)
			if !ok || len(event.Partitions) == 0 {
				t.Fatalf("%v", event)
			}
			for i := range event.Partitions {
				event.Partitions[i].Offset = 40
			}
			check(t, c.Assign(event.Partitions))
			for i := 40; i < 100; i++ {
				checkNumber(t, pollMessage(t, c), topic, i)
			}
			check(t, c.Unsubscribe())
			for {
				revoked, ok := pollSomething(t, c).(RevokedPartitions)
				if ok {
					if len(revoked.Partitions) != len(event.Partitions) {
						t.Fatal(revoked)
					}
					break
				}
			}
			// What was received can still be committed.
			done := must(c.Commit())(t)
			if int(partitionZero(t, done).Offset) != 100 {
				t.Fatal(done)
			}
			check(t, c.Unassign())
		})
	}
}

func partitionZero(t *testing.T, all []TopicPartition) TopicPartition {
	t.Helper()
	for _, p := range all {
		if p.Partition == 0 {
			return p
		}
	}
	t.Fatalf("no partition 0 in %v", all)
	panic("not reached")
}

// pollMessage drops other events.
func pollMessage(t *testing.T, c *Consumer) *Message {
	t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); {
		event := pollSomething(t, c)
		if m, ok := event.(*Message); ok {
			return m
		}
		t.Log(event)
	}
	t.Fatal("no message came")
	return nil
}

func TestAnUnansweredRebalanceFromPollIsAnsweredAsUsual(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 10)...)
	c := newConsumer(t, ConfigMap{"go.application.rebalance.enable": true})
	check(t, c.Subscribe(topic, nil))
	if _, ok := pollSomething(t, c).(AssignedPartitions); !ok {
		t.Fatal("no AssignedPartitions")
	}
	for i := 0; i < 10; i++ {
		checkNumber(t, pollMessage(t, c), topic, i)
	}
}

func TestTheCallbackHearsOfRebalancesAndMayAssignAndCommit(t *testing.T) {
	for _, channel := range []bool{false, true} {
		for _, assigns := range []bool{false, true} {
			t.Run(fmt.Sprintf("channel %v assigns %v", channel, assigns), func(t *testing.T) {
				topic, group := fresh("topic"), fresh("group")
				produce(t, topic, numbers(0, 100)...)
				c := newConsumer(t, ConfigMap{"group.id": group, "go.events.channel.enable": channel, "enable.auto.commit": false})
				var heard []string
				var mu sync.Mutex
				first := 0
				if assigns {
					first = 30
				}
				check(t, c.Subscribe(topic, func(c *Consumer, event Event) error {
					mu.Lock()
					defer mu.Unlock()
					switch e := event.(type) {
					case AssignedPartitions:
						heard = append(heard, "assigned")
						if assigns {
							for i := range e.Partitions {
								e.Partitions[i].Offset = Offset(first)
							}
							check(t, c.Assign(e.Partitions))
						}
					case RevokedPartitions:
						heard = append(heard, "revoked")
						if c.IsClosed() {
							t.Error("closed already")
						}
						done, err := c.Commit()
						if err != nil || int(partitionZero(t, done).Offset) != 50 {
							t.Errorf("commit: %v, %v", done, err)
						}
						if assigns {
							check(t, c.Unassign())
						}
					}
					return errors.New("ignored")
				}))
				for i := first; i < 50; i++ {
					checkNumber(t, pollMessage(t, c), topic, i)
				}
				check(t, c.Close())
				if got := strings.Join(heard, " "); got != "assigned revoked" {
					t.Fatalf("heard of %q", got)
				}
				if got := groupIsAt(t, group, topic); got != 50 {
					t.Fatalf("the group is at %d", got)
				}
			})
		}
	}
}

func TestAStaticMemberKeepsItsPlaceWhenItCloses(t *testing.T) {
	if onMock() {
		t.Skip("the mock cluster has no static members")
	}
	topic, group := fresh("topic"), fresh("group")
	produce(t, topic, "0")
	var told []Event
	member := func(name string) *Consumer {
		c := newConsumer(t, ConfigMap{"group.id": group, "group.instance.id": name})
		check(t, c.Subscribe(topic, func(_ *Consumer, event Event) error {
			told = append(told, event)
			return nil
		}))
		return c
	}
	assignedOnce := func(c *Consumer) {
		t.Helper()
		for end := time.Now().Add(patient); len(told) == 0; c.Poll(10) {
			if time.Now().After(end) {
				t.Fatal("nothing was assigned")
			}
		}
		if _, ok := told[0].(AssignedPartitions); !ok || len(told) != 1 {
			t.Fatalf("%v", told)
		}
		told = nil
	}
	c := member("one")
	assignedOnce(c)
	check(t, c.Close())
	if _, ok := told[0].(RevokedPartitions); !ok || len(told) != 1 {
		t.Fatalf("%v", told)
	}
	// Within the session's time: a new member would have to wait for the end of it.
	told = nil
	assignedOnce(member("one"))
}

func TestASlowApplicationHearsOfARevokeWithinOneMessage(t *testing.T) {
	for _, channel := range []bool{false, true} {
		t.Run(fmt.Sprint("channel ", channel), func(t *testing.T) {
			topic, group := fresh("topic"), fresh("group")
			p := newProducer(t, nil)
			for i := 0; i < 4000; i++ {
				m := message(topic, "x")
				if !onMock() {
					m.TopicPartition.Partition = PartitionAny
				} else {
					m.TopicPartition.Partition = int32(i % 4)
				}
				check(t, p.Produce(m, nil))
			}
			p.Flush(-1)
			settings := ConfigMap{"group.id": group, "go.application.rebalance.enable": true, "go.events.channel.enable": channel,
				"heartbeat.interval.ms": 100}
			c := newConsumer(t, settings)
			check(t, c.Subscribe(topic, nil))
			mine := pollSomething(t, c).(AssignedPartitions)
			check(t, c.Assign(mine.Partitions))
			pollMessage(t, c)
			other := newConsumer(t, settings)
			check(t, other.Subscribe(topic, nil))
			go other.Poll(-1)
			// Thousands of messages wait. The application takes one at a time, and looks at nothing between.
			revokeWaits := func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.reader != nil {
					return c.reader.needsAttention()
				}
				return c.feed.rows.needsAttention()
			}
			if channel {
				for {
					if _, ok := pollSomething(t, c).(RevokedPartitions); ok {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
			} else {
				for !revokeWaits() {
					time.Sleep(time.Millisecond)
				}
				between := 0
				for {
					if _, ok := pollSomething(t, c).(RevokedPartitions); ok {
						break
					}
					between++
				}
				if between > 1 {
					t.Errorf("%d messages before the revoke", between)
				}
			}
			// Nothing of a partition that was revoked comes any more.
			check(t, c.Unassign())
			if again, ok := pollSomething(t, c).(*Message); ok {
				t.Errorf("after the revoke: %v", again)
			}
		})
	}
}

func TestManyWaitersHoldNoThreadsAndCancelAtOnce(t *testing.T) {
	c := assigned(t, fresh("topic"), ConfigMap{"topic.metadata.refresh.interval.ms": 300000, "allow.auto.create.topics": false})
	var others []*Consumer
	for i := 0; i < 20; i++ {
		others = append(others, newConsumer(t, nil))
	}
	threads := func() int {
		entries, err := os.ReadDir("/proc/self/task")
		check(t, err)
		return len(entries)
	}
	before := threads()
	ctx, cancel := context.WithCancel(context.Background())
	const count = 1000
	returned := make(chan time.Time, count)
	var started sync.WaitGroup
	for i := 0; i < count; i++ {
		of := c
		if i%2 == 1 {
			of = others[i%len(others)]
		}
		started.Add(1)
		go func() {
			started.Done()
			for {
				_, err := of.PollContext(ctx)
				if err == nil {
					continue
				}
				if err != context.Canceled {
					t.Error(err)
				}
				returned <- time.Now()
				return
			}
		}()
	}
	started.Wait()
	time.Sleep(200 * time.Millisecond) // for threads to appear, which must not
	if added := threads() - before; added > 4 {
		t.Errorf("%d more threads", added)
	}
	start := time.Now()
	cancel()
	var last time.Time
	for i := 0; i < count; i++ {
		if at := receive(t, returned); at.After(last) {
			last = at
		}
	}
	t.Logf("the last of %d returned after %v", count, last.Sub(start))
	// One alone.
	ctx, cancel = context.WithCancel(context.Background())
	one := make(chan time.Time)
	go func() {
		for {
			if _, err := c.PollContext(ctx); err != nil {
				one <- time.Now()
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	start = time.Now()
	cancel()
	if took := receive(t, one).Sub(start); took > 50*time.Millisecond {
		t.Errorf("a cancelled read returned after %v", took)
	} else {
		t.Logf("a cancelled read returned after %v", took)
	}
}

func TestAnIdleConsumerStaysInItsGroup(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 14 seconds")
	}
	topic := fresh("topic")
	produce(t, topic, "0")
	var consumers []*Consumer
	for _, channel := range []bool{false, true} {
		c := newConsumer(t, ConfigMap{"max.poll.interval.ms": 6000, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
			"go.events.channel.enable": channel, "group.id": fresh("group")})
		check(t, c.Subscribe(topic, func(_ *Consumer, event Event) error {
			if revoked, ok := event.(RevokedPartitions); ok {
				t.Errorf("%v", revoked)
			}
			return nil
		}))
		checkNumber(t, pollMessage(t, c), topic, 0)
		consumers = append(consumers, c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 14*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range consumers {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				if event, err := c.PollContext(ctx); err == nil {
					if failed, ok := event.(Error); ok && failed.Code() == ErrMaxPollExceeded {
						t.Errorf("%v", failed)
					}
				}
			}
			c.mu.Lock()
			c.rebalanceCb = nil
			c.mu.Unlock()
		}()
	}
	all.Wait()
}

func TestReadMessageTimesOutWithATimeoutError(t *testing.T) {
	c := newConsumer(t, nil)
	for _, timeout := range []time.Duration{0, time.Microsecond, 20 * time.Millisecond} {
		start := time.Now()
		m, err := c.ReadMessage(timeout)
		if failed, ok := err.(Error); m != nil || !ok || failed.Code() != ErrTimedOut || !failed.IsTimeout() {
			t.Errorf("%v, %v", m, err)
		}
		if took := time.Since(start); took < timeout {
			t.Errorf("%v after %v", timeout, took)
		}
	}
	if event := c.Poll(0); event != nil {
		t.Error(event)
	}
}

func TestTheEndOfAPartitionIsAnEvent(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 3)...)
	c := assigned(t, topic, ConfigMap{"enable.partition.eof": true})
	for i := 0; i < 3; i++ {
		checkNumber(t, pollSomething(t, c).(*Message), topic, i)
	}
	eof, ok := pollSomething(t, c).(PartitionEOF)
	if !ok || eof.Offset != 3 || *eof.Topic != topic || eof.Error.(Error).Code() != ErrPartitionEOF {
		t.Fatalf("%#v", eof)
	}
	if text := eof.String(); text != "EOF at "+topic+"[0]@3(Broker: No more messages)" {
		t.Error(text)
	}
}

func TestAutomaticCommitsAreEvents(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 3)...)
	c := newConsumer(t, ConfigMap{"auto.commit.interval.ms": 100})
	check(t, c.Subscribe(topic, nil))
	for {
		if e, ok := pollSomething(t, c).(OffsetsCommitted); ok {
			if e.Error != nil && e.Error.(Error).Code() == ErrRebalanceInProgress {
				continue // of the mock
			}
			if zero := partitionZero(t, e.Offsets); e.Error != nil || *zero.Topic != topic || zero.Offset < 1 {
				t.Fatal(e)
			}
			return
		}
	}
}

func TestStatisticsComeAsTextAndAsAStruct(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, "0")
	c := assigned(t, topic, ConfigMap{"statistics.interval.ms": 50})
	p := newProducer(t, ConfigMap{"statistics.interval.ms": 50})
	for _, next := range []func() Event{func() Event { return pollSomething(t, c) }, func() Event { return receive(t, p.Events()) }} {
		for {
			if e, ok := next().(*Stats); ok {
				s := must(e.Parse())(t)
				if s.Name == "" || s.Time == 0 || !strings.Contains(e.String(), s.Name) {
					t.Fatalf("%+v", s)
				}
				break
			}
		}
	}
}

func TestWhoWaitsReturnsWhenTheConsumerCloses(t *testing.T) {
	for _, channel := range []bool{false, true} {
		c := newConsumer(t, ConfigMap{"go.events.channel.enable": channel})
		ended := make(chan error, 3)
		go func() { _, err := c.ReadMessage(-1); ended <- err }()
		go func() { _, err := c.PollContext(context.Background()); ended <- err }()
		go func() { ended <- c.Poll(-1).(Error) }()
		time.Sleep(10 * time.Millisecond) // so that they wait, most likely
		check(t, c.Close())
		for i := 0; i < 3; i++ {
			if err, ok := receive(t, ended).(Error); !ok || err.Code() != ErrState {
				t.Error(err)
			}
		}
	}
}

func TestCallsAfterCloseAreErrors(t *testing.T) {
	for _, channel := range []bool{false, true} {
		c := newConsumer(t, ConfigMap{"go.events.channel.enable": channel})
		topic := "x"
		check(t, c.Close())
		place := ofPartition(topic, 0, 0)
		calls := map[string]func() error{
			"Close":         c.Close,
			"Subscribe":     func() error { return c.Subscribe(topic, nil) },
			"Unsubscribe":   c.Unsubscribe,
			"Subscription":  func() error { _, err := c.Subscription(); return err },
			"Assign":        func() error { return c.Assign(place) },
			"Unassign":      c.Unassign,
			"Incremental+":  func() error { return c.IncrementalAssign(place) },
			"Incremental-":  func() error { return c.IncrementalUnassign(place) },
			"Assignment":    func() error { _, err := c.Assignment(); return err },
			"Pause":         func() error { return c.Pause(place) },
			"Resume":        func() error { return c.Resume(place) },
			"Seek":          func() error { return c.Seek(place[0], 0) },
			"Position":      func() error { _, err := c.Position(place); return err },
			"Committed":     func() error { _, err := c.Committed(place, 1); return err },
			"Commit":        func() error { _, err := c.Commit(); return err },
			"CommitOffsets": func() error { _, err := c.CommitOffsets(place); return err },
			"CommitMessage": func() error { _, err := c.CommitMessage(message(topic, "x")); return err },
			"StoreOffsets":  func() error { _, err := c.StoreOffsets(place); return err },
			"ReadMessage":   func() error { _, err := c.ReadMessage(-1); return err },
			"Poll":          func() error { return c.Poll(-1).(Error) },
			"GetMetadata":   func() error { _, err := c.GetMetadata(nil, true, 1); return err },
			"Query":         func() error { _, _, err := c.QueryWatermarkOffsets(topic, 0, 1); return err },
			"Get":           func() error { _, _, err := c.GetWatermarkOffsets(topic, 0); return err },
			"ForTimes":      func() error { _, err := c.OffsetsForTimes(place, 1); return err },
			"GroupMetadata": func() error { _, err := c.GetConsumerGroupMetadata(); return err },
			"SetSasl":       func() error { return c.SetSaslCredentials("a", "b") },
		}
		if !channel {
			calls["PollBatch"] = func() error { _, err := c.PollBatch(context.Background(), 1); return err }
		}
		for what, call := range calls {
			if err, ok := call().(Error); !ok || err.Code() != ErrState || err.Error() != closedText {
				t.Errorf("%s: %v", what, err)
			}
		}
		if !c.IsClosed() || c.AssignmentLost() || c.GetRebalanceProtocol() != "" || c.String() == "" {
			t.Error("a closed consumer says something else")
		}
	}
}

func TestStoredOffsetsAreCommitted(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 10)...)
	c := assigned(t, topic, ConfigMap{"enable.auto.offset.store": false, "enable.auto.commit": false})
	first := pollSomething(t, c).(*Message)
	pollSomething(t, c)
	must(c.StoreMessage(first))(t)
	if done := must(c.Commit())(t); done[0].Offset != 1 {
		t.Fatal(done)
	}
	metadata := "mine"
	offsets := ofPartition(topic, 0, 7)
	offsets[0].Metadata = &metadata
	must(c.CommitOffsets(offsets))(t)
	got := must(c.Committed(ofPartition(topic, 0, 0), 10000))(t)
	if got[0].Offset != 7 || (got[0].Metadata == nil || *got[0].Metadata != metadata) {
		t.Fatal(got)
	}
	if done := must(c.CommitMessage(first))(t); done[0].Offset != 1 {
		t.Fatal(done)
	}
	bad := message(topic, "x")
	bad.TopicPartition.Error = errors.New("x")
	if _, err := c.CommitMessage(bad); err == nil || err.Error() != "Can't commit errored message" {
		t.Error(err)
	}
	auto := assigned(t, topic, nil)
	if _, err := auto.StoreOffsets(offsets); err == nil || err.(Error).Code() != ErrInvalidArg {
		t.Error(err)
	}
	if err := c.Assign([]TopicPartition{{}}); err == nil || err.(Error).Code() != ErrInvalidArg {
		t.Error(err)
	}
}

func TestAConsumerNeedsAGroup(t *testing.T) {
	_, err := NewConsumer(&ConfigMap{})
	if err == nil || err.Error() != "Required property group.id not set" || err.(Error).Code() != ErrInvalidArg {
		t.Fatal(err)
	}
	if c, err := NewConsumer(&ConfigMap{"group.id": ""}); err == nil {
		c.Close()
		t.Fatal("an empty group.id is taken")
	}
}

func TestCallsFromAnotherGoroutineLoseAndDoubleNothing(t *testing.T) {
	for _, channel := range []bool{false, true} {
		t.Run(fmt.Sprint("channel ", channel), func(t *testing.T) {
			topic := fresh("topic")
			const count = 5_000
			p := newProducer(t, ConfigMap{"go.delivery.reports": false})
			for i := 0; i < count; i++ {
				m := message(topic, fmt.Sprint(i))
				m.TopicPartition.Partition = 0
				check(t, p.ProduceContext(context.Background(), m, nil))
			}
			p.Flush(-1)
			c := assigned(t, topic, ConfigMap{"go.events.channel.enable": channel})
			done := make(chan struct{})
			turns := make(chan struct{}, count)
			calls := 0
			go func() {
				defer close(done)
				place := ofPartition(topic, 0, 0)
				all := []func() error{
					func() error { return c.Pause(place) },
					func() error { return c.Resume(place) },
					func() error { _, err := c.Position(place); return err },
					func() error { _, err := c.Commit(); return err },
				}
				for range turns {
					if err := all[calls%len(all)](); err != nil {
						if failed := err.(Error); failed.Code() != ErrNoOffset && failed.Code() != ErrState {
							t.Error(err)
						}
					}
					calls++
				}
			}()
			for i := 0; i < count; i++ {
				if i%50 == 0 {
					for range 4 {
						turns <- struct{}{}
					}
				}
				m, ok := pollSomething(t, c).(*Message)
				if !ok {
					i--
					continue
				}
				checkNumber(t, m, topic, i)
			}
			close(turns)
			check(t, c.Close())
			<-done
			t.Logf("%d calls meanwhile", calls)
		})
	}
}
