// A consumer that polls for one event at a time.
//
//	consumer_example <bootstrap servers> <group> <topic>...
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
		"bootstrap.servers": os.Args[1],
		"group.id":          os.Args[2],
		"auto.offset.reset": "earliest",
	})
	must(err)
	must(consumer.SubscribeTopics(os.Args[3:], nil))

	for stopped := false; !stopped; {
		select {
		case <-stop:
			stopped = true
		default:
			show(consumer.Poll(100))
		}
	}
	must(consumer.Close())
}

func show(event kafka.Event) {
	switch e := event.(type) {
	case nil:
	case *kafka.Message:
		fmt.Printf("%s: %s\n", e, e.Value)
		for _, header := range e.Headers {
			fmt.Printf("    %s\n", header)
		}
	case kafka.Error:
		// For information: the client recovers by itself, unless e.IsFatal().
		fmt.Fprintf(os.Stderr, "%% %v: %v\n", e.Code(), e)
	default:
		fmt.Fprintf(os.Stderr, "%% %v\n", e)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
