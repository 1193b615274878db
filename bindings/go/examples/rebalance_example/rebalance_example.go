// A consumer that keeps its offsets itself, in a file for each partition, and is told of rebalances by a callback.
//
//	rebalance_example <bootstrap servers> <group> <topic> <directory>
//
// Prints each message. Ctrl-C ends it; the next run goes on where this one ended.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"kafka_rs/bindings/go/kafka"
)

// offsets are the next ones of the partitions that are assigned.
type offsets struct {
	directory string
	next      map[int32]kafka.Offset
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintf(os.Stderr, "usage: %s <bootstrap servers> <group> <topic> <directory>\n", os.Args[0])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers":  os.Args[1],
		"group.id":           os.Args[2],
		"auto.offset.reset":  "earliest",
		"enable.auto.commit": false,
	})
	must(err)
	own := &offsets{os.Args[4], make(map[int32]kafka.Offset)}
	// Called by the methods that receive, and by Close, so that it needs no lock.
	must(consumer.Subscribe(os.Args[3], own.rebalance))

	for message, err := range consumer.Messages(ctx) {
		if err != nil {
			fmt.Fprintf(os.Stderr, "%% %v\n", err)
			continue
		}
		fmt.Printf("%s: %s\n", message, message.Value)
		own.next[message.TopicPartition.Partition] = message.TopicPartition.Offset + 1
	}
	must(consumer.Close())
}

func (o *offsets) rebalance(consumer *kafka.Consumer, event kafka.Event) error {
	fmt.Fprintf(os.Stderr, "%% %v\n", event)
	switch e := event.(type) {
	case kafka.AssignedPartitions:
		for i := range e.Partitions {
			e.Partitions[i].Offset = o.load(e.Partitions[i].Partition)
		}
		must(consumer.Assign(e.Partitions))
	case kafka.RevokedPartitions:
		for _, partition := range e.Partitions {
			// If they are lost, someone else may have gone on already.
			if next, ok := o.next[partition.Partition]; ok && !consumer.AssignmentLost() {
				must(os.WriteFile(o.file(partition.Partition), []byte(next.String()), 0o644))
			}
			delete(o.next, partition.Partition)
		}
		must(consumer.Unassign())
	}
	return nil
}

func (o *offsets) load(partition int32) kafka.Offset {
	text, err := os.ReadFile(o.file(partition))
	if errors.Is(err, fs.ErrNotExist) {
		return kafka.OffsetBeginning
	}
	must(err)
	offset, err := kafka.NewOffset(strings.TrimSpace(string(text)))
	must(err)
	return offset
}

func (o *offsets) file(partition int32) string {
	return filepath.Join(o.directory, fmt.Sprintf("partition-%d", partition))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
