// Load does what load.c does, with the Go client: the command line, the commands and the counts are the same.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"soak"
)

const limit = 120 * time.Second

type place struct {
	// The number that is due, and where the last one stood.
	next, offset int64
}

type member struct {
	consumer *kafka.Consumer
	cancel   context.CancelFunc
	done     chan struct{}
}

type load struct {
	servers, topic string
	partitions     int
	rate           float64
	settings       []string

	producer *kafka.Producer
	members  [2]*member
	stopping atomic.Bool
	seek     atomic.Bool

	mu     sync.Mutex // Guards what follows.
	places []place
	counts map[string]int64
	last   string
}

func (l *load) add(name string, n int64) {
	l.mu.Lock()
	l.counts[name] += n
	l.mu.Unlock()
}

func (l *load) get(name string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[name]
}

func (l *load) noteError(err error) {
	l.mu.Lock()
	l.counts["errors"]++
	l.last = err.Error()
	l.mu.Unlock()
}

// conf holds the usual settings and, over them, those of the command line.
func (l *load) conf(prefix string, usual kafka.ConfigMap) *kafka.ConfigMap {
	usual["bootstrap.servers"] = l.servers
	for _, setting := range l.settings {
		if name, value, ok := strings.Cut(strings.TrimPrefix(setting, prefix), "="); ok && strings.HasPrefix(setting, prefix) {
			usual[name] = value
		}
	}
	return &usual
}

// ---- sending -------------------------------------------------------------------------------------------------------

func (l *load) openProducer() {
	var err error
	l.producer, err = kafka.NewProducer(l.conf("producer.", kafka.ConfigMap{
		"enable.idempotence": true, "linger.ms": 5, "message.timeout.ms": 300000,
		"go.delivery.report.fields": "none"}))
	soak.Check(err)
	admin, err := kafka.NewAdminClientFromProducer(l.producer)
	soak.Check(err)
	defer admin.Close()
	made, err := admin.CreateTopics(context.Background(),
		[]kafka.TopicSpecification{{Topic: l.topic, NumPartitions: l.partitions}})
	soak.Check(err)
	if code := made[0].Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
		soak.Check(made[0].Error)
	}
}

func (l *load) sendOn(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	start := time.Now()
	for i := 0; !l.stopping.Load() && ctx.Err() == nil; i++ {
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &l.topic, Partition: int32(i % l.partitions)},
			Value:          fmt.Appendf(nil, "%-100d", i/l.partitions),
		}
		if err := l.producer.ProduceContext(ctx, m, nil); err != nil {
			if ctx.Err() == nil {
				soak.Check(err)
			}
			return
		}
		l.add("sent", 1)
		start = l.pace(start, float64(i))
	}
}

// pace waits until message i is due; after a stall it does not catch up in a burst.
func (l *load) pace(start time.Time, i float64) time.Time {
	if l.rate == 0 {
		return start
	}
	for i > time.Since(start).Seconds()*l.rate && !l.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	if i < (time.Since(start).Seconds()-1)*l.rate {
		return time.Now().Add(-time.Duration(i / l.rate * float64(time.Second)))
	}
	return start
}

func (l *load) takeReports(done chan<- struct{}) {
	defer close(done)
	for event := range l.producer.Events() {
		switch event := event.(type) {
		case *kafka.Message:
			l.add("reports", 1)
			if event.TopicPartition.Error != nil {
				l.add("failed", 1)
			} else {
				l.add("acked", 1)
			}
		case kafka.Error:
			l.noteError(event)
		}
	}
}

// ---- receiving -----------------------------------------------------------------------------------------------------

func (l *load) count(m *kafka.Message) {
	text := strings.TrimRight(string(m.Value), " ")
	number, err := strconv.ParseInt(text, 10, 64)
	soak.Check(err)
	offset := int64(m.TopicPartition.Offset)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.places[m.TopicPartition.Partition]
	switch {
	case offset <= p.offset: // After a seek, or of another member that had not committed.
		l.counts["again"]++
	case number < p.next:
		l.counts["duplicated"]++
	default:
		l.counts["gaps"] += number - p.next
		p.next = number + 1
		l.counts["received"]++
	}
	p.offset = max(p.offset, offset)
}

func (l *load) takeRows(ctx context.Context, m *member) {
	defer close(m.done)
	var batch kafka.Batch
	for {
		err := m.consumer.PollInto(ctx, &batch, 1000)
		for _, message := range batch.Messages { // Those that came as ctx ended, too: they count as delivered.
			l.count(message)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.noteError(err)
			continue
		}
		if m == l.members[0] && l.seek.Swap(false) {
			l.seekBack(ctx, m.consumer)
		}
	}
}

// seekBack goes back by 500 messages in one partition, whose next message must be the one that was asked for.
func (l *load) seekBack(ctx context.Context, consumer *kafka.Consumer) {
	assigned, err := consumer.Assignment()
	if err != nil || len(assigned) == 0 {
		return
	}
	at, err := consumer.Position(assigned[:1])
	if err != nil || at[0].Offset <= 0 {
		return
	}
	to := at[0]
	to.Offset = max(0, at[0].Offset-500)
	if consumer.Seek(to, 0) != nil {
		return // A rebalance took the partition meanwhile.
	}
	l.add("seeks", 1)
	for ctx.Err() == nil {
		m, err := consumer.ReadMessage(5 * time.Second)
		if err != nil {
			return
		}
		l.count(m)
		if m.TopicPartition.Partition == to.Partition {
			if m.TopicPartition.Offset != to.Offset {
				l.add("wild", 1)
			}
			return
		}
	}
}

func (l *load) join(number int) {
	consumer, err := kafka.NewConsumer(l.conf("consumer.", kafka.ConfigMap{
		"group.id": l.topic, "auto.offset.reset": "earliest", "session.timeout.ms": 10000,
		"heartbeat.interval.ms": 1000, "auto.commit.interval.ms": 500}))
	soak.Check(err)
	soak.Check(consumer.Subscribe(l.topic, nil))
	ctx, cancel := context.WithCancel(context.Background())
	l.members[number] = &member{consumer, cancel, make(chan struct{})}
	l.add("joins", 1)
	go l.takeRows(ctx, l.members[number])
}

func (l *load) leave(number int) {
	m := l.members[number]
	m.cancel()
	<-m.done
	_ = m.consumer.Close()
	l.members[number] = nil
}

// ---- the end -------------------------------------------------------------------------------------------------------

func (l *load) print(more map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := map[string]any{"error": l.last}
	for name, count := range l.counts {
		said[name] = count
	}
	maps.Copy(said, more)
	soak.Tell(said)
}

func (l *load) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = l.producer.FlushContext(ctx)
	end, before := time.Now().Add(limit), int64(-1)
	for time.Now().Before(end) && (l.get("received") < l.get("acked") || l.get("reports") < l.get("sent")) {
		if now := l.get("received"); now != before {
			before, end = now, time.Now().Add(limit) // As long as there is progress.
			l.print(nil)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *load) finish(cancelSend context.CancelFunc, sender, reporter <-chan struct{}, deadline time.Duration) {
	start := time.Now()
	cancelSend()
	for _, m := range l.members {
		if m != nil {
			m.cancel()
			<-m.done
		}
	}
	<-sender
	cancelled := time.Since(start)
	slowest := time.Duration(0)
	closeOne := func(call func(context.Context) error) {
		slowest = max(slowest, soak.CloseWithin(deadline, call))
	}
	for _, m := range l.members {
		if m != nil {
			closeOne(m.consumer.CloseContext)
		}
	}
	closeOne(l.producer.CloseContext)
	<-reporter
	l.print(map[string]any{"cancel_ms": cancelled.Milliseconds(), "close_ms": slowest.Milliseconds(), "final": true})
}

func (l *load) obey() {
	l.openProducer()
	l.join(0)
	ctx, cancel := context.WithCancel(context.Background())
	sender, reporter := make(chan struct{}), make(chan struct{})
	go l.takeReports(reporter)
	go l.sendOn(ctx, sender)
	lines := make(chan string)
	go func() {
		for scanner := bufio.NewScanner(os.Stdin); scanner.Scan(); {
			lines <- scanner.Text()
		}
		os.Exit(3) // The driver is gone.
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	for {
		select {
		case <-tick.C:
		case line := <-lines:
			command, rest, _ := strings.Cut(line, " ")
			switch {
			case command == "join" && l.members[1] == nil:
				l.join(1)
			case command == "leave" && l.members[1] != nil:
				l.leave(1)
			case command == "seek":
				l.seek.Store(true)
			case command == "stop":
				l.stopping.Store(true)
				l.drain()
				l.finish(cancel, sender, reporter, 10*time.Second)
				return
			case command == "close":
				ms, err := strconv.Atoi(rest)
				soak.Check(err)
				l.finish(cancel, sender, reporter, time.Duration(ms)*time.Millisecond)
				return
			}
		}
		l.print(nil)
	}
}

func main() {
	if len(os.Args) < 5 {
		soak.Check(errors.New("usage: load SERVERS TOPIC PARTITIONS RATE [SETTING]..."))
	}
	partitions, err := strconv.Atoi(os.Args[3])
	soak.Check(err)
	rate, err := strconv.ParseFloat(os.Args[4], 64)
	soak.Check(err)
	l := &load{servers: os.Args[1], topic: os.Args[2], partitions: partitions, rate: rate, settings: os.Args[5:],
		places: make([]place, partitions), counts: map[string]int64{}}
	for i := range l.places {
		l.places[i].offset = -1
	}
	for _, name := range []string{"sent", "reports", "acked", "failed", "received", "again", "duplicated", "gaps", "wild"} {
		l.counts[name] = 0
	}
	l.obey()
}
