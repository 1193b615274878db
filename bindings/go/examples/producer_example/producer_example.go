// A producer that sends the lines of its input, each with a call, and waits for their delivery reports on a channel of its
// own.
//
//	producer_example <bootstrap servers> <topic>
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"kafka_rs/bindings/go/kafka"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "usage: %s <bootstrap servers> <topic>\n", os.Args[0])
		os.Exit(2)
	}
	topic := os.Args[2]
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": os.Args[1]})
	must(err)

	reports := make(chan kafka.Event, 1000)
	failed := make(chan int)
	go count(reports, failed)

	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		// Waits while the queue is full; Produce would return ErrQueueFull.
		must(producer.ProduceContext(context.Background(), &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Value:          lines.Bytes(),
			Headers:        []kafka.Header{{Key: "sender", Value: []byte("producer_example")}},
		}, reports))
	}
	if left := producer.Flush(int(30 * time.Second / time.Millisecond)); left > 0 {
		fmt.Fprintf(os.Stderr, "%d messages have no result yet\n", left)
	}
	// By then every message has its report.
	producer.Close()
	close(reports)
	if <-failed > 0 {
		os.Exit(1)
	}
}

func count(reports <-chan kafka.Event, result chan<- int) {
	failed := 0
	for event := range reports {
		report := event.(*kafka.Message)
		if report.TopicPartition.Error != nil {
			failed++
			fmt.Fprintf(os.Stderr, "not delivered: %v\n", report.TopicPartition.Error)
		} else {
			fmt.Printf("delivered to %s\n", report)
		}
	}
	result <- failed
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
