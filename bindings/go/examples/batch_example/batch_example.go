// A consumer that reads many messages at a time into memory that is used again: the fastest way.
//
//	batch_example <bootstrap servers> <group> <topic>...
//
// Prints each message. Ctrl-C ends it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"kafka_rs/bindings/go/kafka"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintf(os.Stderr, "usage: %s <bootstrap servers> <group> <topic>...\n", os.Args[0])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": os.Args[1],
		"group.id":          os.Args[2],
		"auto.offset.reset": "earliest",
	})
	must(err)
	must(consumer.SubscribeTopics(os.Args[3:], nil))

	out := bufio.NewWriter(os.Stdout)
	var batch kafka.Batch
	for ctx.Err() == nil {
		if err := consumer.PollInto(ctx, &batch, 10_000); err != nil {
			if ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "%% %v\n", err)
			}
			continue
		}
		// Valid until the next PollInto.
		for _, message := range batch.Messages {
			fmt.Fprintf(out, "%s: %s\n", message, message.Value)
		}
		out.Flush()
	}
	must(consumer.Close())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
