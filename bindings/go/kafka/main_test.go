package kafka

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// patient is how long a test waits for what must come.
const patient = 60 * time.Second

// servers is a cluster for all tests: the one of KRS_TEST_BROKERS, or a mock.
var servers string

func TestMain(m *testing.M) {
	servers = os.Getenv("KRS_TEST_BROKERS")
	if servers != "" {
		os.Exit(m.Run())
	}
	mock, err := NewMockCluster(1)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	servers = mock.BootstrapServers()
	code := m.Run()
	mock.Close()
	os.Exit(code)
}

func onMock() bool { return os.Getenv("KRS_TEST_BROKERS") == "" }

var names_ atomic.Int64

// fresh is a name that nobody has used.
func fresh(what string) string {
	return fmt.Sprintf("go-%s-%d-%d", what, time.Now().UnixNano(), names_.Add(1))
}

func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// with returns both, of which the second wins.
func (m ConfigMap) with(settings ConfigMap) ConfigMap {
	all := m.clone()
	for key, value := range settings {
		all[key] = value
	}
	return all
}

func newProducer(t *testing.T, settings ConfigMap) *Producer {
	t.Helper()
	all := ConfigMap{"bootstrap.servers": servers}.with(settings)
	p := must(NewProducer(&all))(t)
	t.Cleanup(p.Close)
	return p
}

func newConsumer(t *testing.T, settings ConfigMap) *Consumer {
	t.Helper()
	all := ConfigMap{"bootstrap.servers": servers, "group.id": fresh("group"), "auto.offset.reset": "earliest",
		"allow.auto.create.topics": true, "topic.metadata.refresh.interval.ms": 500}
	if onMock() {
		// It sometimes forgets to answer who joins a group, and remembers when the member times out.
		all["session.timeout.ms"] = 6000
	}
	all = all.with(settings)
	c := must(NewConsumer(&all))(t)
	t.Cleanup(func() { c.Close() })
	return c
}

func message(topic, value string) *Message {
	return &Message{TopicPartition: TopicPartition{Topic: &topic, Partition: PartitionAny}, Value: []byte(value)}
}

// produce sends messages to partition 0, and returns when all are there.
func produce(t *testing.T, topic string, values ...string) {
	t.Helper()
	p := newProducer(t, nil)
	reports := make(chan Event, len(values))
	for _, value := range values {
		m := message(topic, value)
		m.TopicPartition.Partition = 0
		check(t, p.Produce(m, reports))
	}
	for range values {
		check(t, receive(t, reports).(*Message).TopicPartition.Error)
	}
	p.Close()
}

func receive[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case value, open := <-from:
		if !open {
			t.Fatal("the channel is closed")
		}
		return value
	case <-time.After(patient):
		t.Fatal("nothing came")
	}
	panic("not reached")
}

// heapBytes is what the heap holds, once no message has flowed for a while.
func heapBytes() int64 {
	for messageHeadroom.looking.Load() {
		time.Sleep(headroomLooks)
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// numbers are the texts of [from, to).
func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}
