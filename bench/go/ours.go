//go:build ours

package main

import (
	"context"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func init() {
	ways["batch"] = func(b *bench) time.Time {
		return b.consume(func(c *kafka.Consumer) int {
			messages, _ := c.PollBatch(context.Background(), 1000)
			return len(messages)
		})
	}
	var batch kafka.Batch
	ways["reuse"] = func(b *bench) time.Time {
		return b.consume(func(c *kafka.Consumer) int {
			c.PollInto(context.Background(), &batch, 1000)
			return len(batch.Messages)
		})
	}
}
