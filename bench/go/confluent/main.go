// The ways to use the API of confluent-kafka-go, measured: built with several versions of the original client, and with ours.
package main

import (
	"time"

	"bench/work"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

var ways = map[string]func(w *work.Work){
	"poll":      func(w *work.Work) { consume(w, poll) },
	"read":      func(w *work.Work) { consume(w, read) },
	"events":    consumeEvents,
	"produce":   func(w *work.Work) { produce(w, produceOne) },
	"channel":   func(w *work.Work) { produce(w, produceByChannel) },
	"threads":   produceByThreads,
	"consumers": manyConsumers,
	"latency":   latency,
	"idle":      func(w *work.Work) { w.Idle(func() { newProducer(w) }) },
	"waits":     waits,
}

func main() { work.Run(ways) }

func config(w *work.Work, settings map[string]string) kafka.ConfigMap {
	conf := kafka.ConfigMap{"bootstrap.servers": w.Servers}
	for name, value := range settings {
		conf[name] = value
	}
	return conf
}

func newProducer(w *work.Work) *kafka.Producer {
	conf := config(w, w.Produce)
	p, err := kafka.NewProducer(&conf)
	work.Must(err)
	return p
}

func newConsumer(w *work.Work, channel bool) *kafka.Consumer {
	conf := config(w, w.Consume)
	conf["group.id"] = work.Group()
	conf["auto.offset.reset"] = "earliest"
	if channel {
		conf["go.events.channel.enable"] = true
	}
	c, err := kafka.NewConsumer(&conf)
	work.Must(err)
	return c
}

func subscribed(w *work.Work, channel bool) *kafka.Consumer {
	c := newConsumer(w, channel)
	work.Must(c.Subscribe(w.Topic, nil))
	return c
}

func latency(w *work.Work) {
	p, c := newProducer(w), subscribed(w, false)
	go takeReports(p, w.Messages+1)
	w.Latency(
		func(value []byte, i int) { produceOne(p, message(w, value, i)) },
		func() [][]byte {
			for {
				if m, ok := c.Poll(100).(*kafka.Message); ok {
					return [][]byte{m.Value}
				}
			}
		})
}

// waits measures 50 goroutines that wait for messages at once; the driver counts the threads.
func waits(w *work.Work) {
	c := newConsumer(w, false)
	w.Start()
	for range w.Threads {
		go func() { _, _ = c.ReadMessage(10 * time.Second) }()
	}
	time.Sleep(2 * time.Second)
	w.Print(0, 0)
}
