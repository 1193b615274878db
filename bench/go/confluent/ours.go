//go:build ours

package main

import (
	"context"

	"bench/work"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// What the original has not.
func init() {
	ways["batch"] = func(w *work.Work) {
		consume(w, func(c *kafka.Consumer) (int, int) {
			messages, err := c.PollBatch(context.Background(), 1000)
			work.Must(err)
			return many(messages)
		})
	}
	ways["reuse"] = func(w *work.Work) {
		var batch kafka.Batch
		consume(w, func(c *kafka.Consumer) (int, int) {
			work.Must(c.PollInto(context.Background(), &batch, 1000))
			return many(batch.Messages)
		})
	}
}

func many(messages []*kafka.Message) (int, int) {
	bytes := 0
	for _, m := range messages {
		bytes += len(m.Value)
	}
	return len(messages), bytes
}
