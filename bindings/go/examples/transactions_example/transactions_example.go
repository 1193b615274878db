// Reads one topic and writes another, in upper case, exactly once: what was read counts only together with what was
// written.
//
//	transactions_example <bootstrap servers> <group> <from topic> <to topic>
//
// Ctrl-C ends it.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"kafka_rs/bindings/go/kafka"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintf(os.Stderr, "usage: %s <bootstrap servers> <group> <from topic> <to topic>\n", os.Args[0])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers":  os.Args[1],
		"group.id":           os.Args[2],
		"auto.offset.reset":  "earliest",
		"isolation.level":    "read_committed",
		"enable.auto.commit": false,
	})
	must(err)
	must(consumer.Subscribe(os.Args[3], nil))
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers":   os.Args[1],
		"transactional.id":    os.Args[2] + "-" + os.Args[3],
		"go.delivery.reports": false,
	})
	must(err)
	must(again(func() error { return producer.InitTransactions(ctx) }))

	for ctx.Err() == nil {
		messages, err := consumer.PollBatch(ctx, 1000)
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "%% %v\n", err)
			}
			continue
		}
		transfer(consumer, producer, messages, os.Args[4])
	}
	must(consumer.Close())
	producer.Close()
}

// transfer sends the messages on in one transaction; if that is taken back, they are read again.
func transfer(consumer *kafka.Consumer, producer *kafka.Producer, messages []*kafka.Message, topic string) {
	must(producer.BeginTransaction())
	next := make(map[int32]kafka.TopicPartition)
	for _, message := range messages {
		must(producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Key:            message.Key,
			Value:          bytes.ToUpper(message.Value),
		}, nil))
		after := message.TopicPartition
		after.Offset++
		next[after.Partition] = after
	}
	var offsets []kafka.TopicPartition
	for _, after := range next {
		offsets = append(offsets, after)
	}
	group, err := consumer.GetConsumerGroupMetadata()
	must(err)
	err = again(func() error { return producer.SendOffsetsToTransaction(nil, offsets, group) })
	if err == nil {
		err = again(func() error { return producer.CommitTransaction(nil) })
	}
	var failed kafka.Error
	if errors.As(err, &failed) && failed.TxnRequiresAbort() {
		fmt.Fprintf(os.Stderr, "%% taken back: %v\n", err)
		must(again(func() error { return producer.AbortTransaction(nil) }))
		rewind(consumer, messages)
		return
	}
	must(err)
	fmt.Printf("%d messages\n", len(messages))
}

// rewind goes back to before the messages. A partition that is not assigned any more is someone else's.
func rewind(consumer *kafka.Consumer, messages []*kafka.Message) {
	first := make(map[int32]kafka.TopicPartition)
	for _, message := range messages {
		if _, known := first[message.TopicPartition.Partition]; !known {
			first[message.TopicPartition.Partition] = message.TopicPartition
		}
	}
	for _, partition := range first {
		if err := consumer.Seek(partition, 0); err != nil {
			fmt.Fprintf(os.Stderr, "%% %v: %v\n", partition, err)
		}
	}
}

// again repeats a call as long as it may succeed later.
func again(call func() error) error {
	for {
		err := call()
		var failed kafka.Error
		if !errors.As(err, &failed) || !failed.IsRetriable() {
			return err
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
