// A consumer that receives from its channel.
//
//	consumer_channel_example <bootstrap servers> <group> <topic>...
//
// Prints each message, and everything else as a line that begins with % on stderr. Ctrl-C ends it.
package main

import (
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
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)

	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers":               os.Args[1],
		"group.id":                        os.Args[2],
		"auto.offset.reset":               "earliest",
		"go.events.channel.enable":        true,
		"go.application.rebalance.enable": true,
		"enable.partition.eof":            true,
	})
	must(err)
	must(consumer.SubscribeTopics(os.Args[3:], nil))

	for stopped := false; !stopped; {
		select {
		case <-stop:
			stopped = true
		case event := <-consumer.Events():
			handle(consumer, event)
		}
	}
	must(consumer.Close())
}

func handle(consumer *kafka.Consumer, event kafka.Event) {
	switch e := event.(type) {
	case kafka.AssignedPartitions:
		// The place to change where to begin.
		fmt.Fprintf(os.Stderr, "%% %v\n", e)
		must(consumer.Assign(e.Partitions))
	case kafka.RevokedPartitions:
		// No message of these partitions comes any more.
		fmt.Fprintf(os.Stderr, "%% %v\n", e)
		must(consumer.Unassign())
	case *kafka.Message:
		fmt.Printf("%s: %s\n", e, e.Value)
	case kafka.PartitionEOF:
		fmt.Fprintf(os.Stderr, "%% reached the %v\n", e)
	case kafka.Error:
		fmt.Fprintf(os.Stderr, "%% %v: %v\n", e.Code(), e)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
