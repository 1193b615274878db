// A producer that sends the lines of its input into its channel, and receives the delivery reports from Events.
//
//	producer_channel_example <bootstrap servers> <topic>
package main

import (
	"bufio"
	"fmt"
	"os"

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

	failed := make(chan int)
	go count(producer.Events(), failed)

	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		// Waits while the queue is full. The message is sent later, so that it needs bytes of its own.
		producer.ProduceChannel() <- &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Value:          []byte(lines.Text()),
		}
	}
	producer.Flush(-1)
	// Closes Events, too.
	producer.Close()
	if <-failed > 0 {
		os.Exit(1)
	}
}

func count(events <-chan kafka.Event, result chan<- int) {
	failed := 0
	for event := range events {
		switch e := event.(type) {
		case *kafka.Message:
			if e.TopicPartition.Error != nil {
				failed++
				fmt.Fprintf(os.Stderr, "not delivered: %v\n", e.TopicPartition.Error)
			} else {
				fmt.Printf("delivered to %s\n", e)
			}
		case kafka.Error:
			fmt.Fprintf(os.Stderr, "%% %v: %v\n", e.Code(), e)
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
