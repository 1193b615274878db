package main

import (
	"time"

	"bench/work"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// next takes some messages, and gives their number and the bytes of their values.
type next func(c *kafka.Consumer) (count, bytes int)

func poll(c *kafka.Consumer) (int, int) { return one(c.Poll(100)) }

func read(c *kafka.Consumer) (int, int) {
	m, err := c.ReadMessage(100 * time.Millisecond)
	if err != nil {
		return 0, 0
	}
	return 1, len(m.Value)
}

func one(event kafka.Event) (int, int) {
	m, ok := event.(*kafka.Message)
	if !ok {
		return 0, 0
	}
	work.Must(m.TopicPartition.Error)
	return 1, len(m.Value)
}

func consume(w *work.Work, take next) {
	c := subscribed(w, false)
	w.Drain(func() (int, int) { return take(c) })
}

func consumeEvents(w *work.Work) {
	c := subscribed(w, true)
	w.Drain(func() (int, int) { return one(<-c.Events()) })
}

func manyConsumers(w *work.Work) {
	w.EachReads(func() func() (int, int) {
		c := subscribed(w, false)
		return func() (int, int) { return poll(c) }
	})
}
