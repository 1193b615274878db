package kafka

import (
	"context"
	"sync"
	"testing"
	"time"
)

const (
	closeRounds = 5
	closeWithin = 300 * time.Millisecond
	// A busy machine may keep a goroutine waiting once in a while, but not for long.
	closeGrace = 100 * time.Millisecond
	closeLate  = 2 * time.Second
)

// scene is a cluster of its own with clients that are busy, and about to be closed.
type scene struct {
	*testing.T
	mock      *MockCluster
	topic     string
	settings  ConfigMap // of all clients
	producing ConfigMap // of the producer beside these
	producer  *Producer
	consumers []*Consumer
	inside    sync.WaitGroup
}

// open has a producer that has sent, and two consumers with messages that nobody has read.
func (s *scene) open() {
	s.producer = newProducer(s.T, s.settings.with(s.producing))
	for _, channel := range []bool{false, true} {
		c := newConsumer(s.T, s.settings.with(ConfigMap{"go.events.channel.enable": channel}))
		s.consumers = append(s.consumers, c)
		check(s.T, c.Subscribe(s.topic, nil))
	}
}

func (s *scene) beginToRead() {
	for _, c := range s.consumers {
		for {
			var e Event
			if c.Events() != nil {
				e = receive(s.T, c.Events())
			} else {
				e = c.Poll(100)
			}
			if _, ok := e.(*Message); ok {
				break
			}
		}
	}
}

// silence lets the brokers take requests and answer none.
func (s *scene) silence() { check(s.T, s.mock.SetRoundtripDuration(1, time.Minute)) }

func (s *scene) goInside(call func()) {
	s.inside.Add(1)
	go func() {
		defer s.inside.Done()
		call()
	}()
}

var closeSituations = map[string]func(*scene){
	"healthy brokers": func(s *scene) {
		s.open()
		s.beginToRead()
	},
	"brokers that do not answer": func(s *scene) {
		s.open()
		s.beginToRead()
		s.silence()
		check(s.T, s.producer.Produce(message(s.topic, "x"), nil))
	},
	"brokers that are gone": func(s *scene) {
		s.open()
		s.beginToRead()
		check(s.T, s.mock.SetBrokerDown(1))
		check(s.T, s.producer.Produce(message(s.topic, "x"), nil))
	},
	"a host that nobody knows": func(s *scene) {
		s.settings["bootstrap.servers"] = "nowhere.invalid:9092"
		s.open()
		check(s.T, s.producer.Produce(message(s.topic, "x"), nil))
	},
	"a fatal error": func(s *scene) {
		s.producing = ConfigMap{"enable.idempotence": true}
		s.open()
		check(s.T, s.producer.Produce(message(s.topic, "x"), nil))
		if code := s.producer.TestFatalError(ErrOutOfOrderSequenceNumber, "a trial"); code != ErrNoError {
			s.Fatal(code)
		}
	},
	"mid-rebalance": func(s *scene) {
		s.settings["group.id"] = fresh("group")
		s.open() // Two that join one after the other.
	},
	"a commit in flight": func(s *scene) {
		s.open()
		s.beginToRead()
		s.silence()
		for _, c := range s.consumers {
			s.goInside(func() { c.Commit() })
		}
	},
	"an open transaction": func(s *scene) {
		s.producing = ConfigMap{"transactional.id": fresh("id")}
		s.open()
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		check(s.T, s.producer.InitTransactions(ctx))
		check(s.T, s.producer.BeginTransaction())
		check(s.T, s.producer.Produce(message(s.topic, "x"), nil))
		s.silence()
	},
	"a full queue and produce channel": func(s *scene) {
		s.producing = ConfigMap{"queue.buffering.max.messages": 5, "go.produce.channel.size": 5}
		s.open()
		s.silence()
		for full := false; !full; {
			select {
			case s.producer.ProduceChannel() <- message(s.topic, "x"):
			case <-time.After(50 * time.Millisecond):
				full = true
			}
		}
	},
	"eight goroutines inside": func(s *scene) {
		s.open()
		s.beginToRead()
		poll, events, p := s.consumers[0], s.consumers[1], s.producer
		inside := func(client interface{ IsClosed() bool }, calls ...func()) {
			for _, call := range calls {
				s.goInside(func() {
					for !client.IsClosed() {
						call()
					}
				})
			}
		}
		inside(poll,
			func() { poll.Poll(100) },
			func() { poll.ReadMessage(-1) },
			func() { poll.Commit() },
			func() { poll.QueryWatermarkOffsets(s.topic, 0, 1000) })
		inside(events,
			func() { events.Position(ofPartition(s.topic, 0, 0)) },
			func() { events.Seek(ofPartition(s.topic, 0, 0)[0], 10) })
		inside(p,
			func() { p.Produce(message(s.topic, "x"), nil) },
			func() { p.Flush(10) })
	},
}

func TestCloseKeepsItsDeadline(t *testing.T) {
	for name, situation := range closeSituations {
		t.Run(name, func(t *testing.T) {
			var longest time.Duration
			late := 0
			for i := 0; i < closeRounds; i++ {
				for _, took := range closeIn(t, situation) {
					longest = max(longest, took)
					if took > closeWithin+closeGrace {
						late++
					}
				}
			}
			t.Logf("the longest of %d took %v of %v", 3*closeRounds, longest, closeWithin)
			if late > 2 || longest > closeLate {
				t.Errorf("%d were late, by up to %v", late, longest-closeWithin)
			}
		})
	}
}

func closeIn(t *testing.T, situation func(*scene)) (took []time.Duration) {
	mock := must(NewMockCluster(1))(t)
	defer mock.Close()
	s := scene{T: t, mock: mock, topic: fresh("close"),
		settings: ConfigMap{"bootstrap.servers": mock.BootstrapServers()}}
	before := newProducer(t, s.settings)
	for _, value := range numbers(0, 20) {
		check(t, before.Produce(message(s.topic, value), nil))
	}
	before.Flush(-1)
	situation(&s)
	closes := []func(context.Context) error{s.producer.CloseContext}
	for _, c := range s.consumers {
		closes = append(closes, c.CloseContext)
	}
	for _, closeOne := range closes {
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		start := time.Now()
		closeOne(ctx) // What it gave up is an error; here only the time counts.
		took = append(took, time.Since(start))
		cancel()
	}
	s.inside.Wait()
	return took
}
