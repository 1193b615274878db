// Member does what member.py does, with the Go client: the command line and what it tells are the same.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"soak"
)

const limit = time.Minute

func numberOf(text string) int {
	number, err := strconv.Atoi(strings.TrimRight(text, " "))
	soak.Check(err)
	return number
}

func newConsumer(servers, group string, more kafka.ConfigMap) *kafka.Consumer {
	conf := kafka.ConfigMap{"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest"}
	if more["group.protocol"] != "consumer" { // There the broker decides.
		conf["session.timeout.ms"], conf["heartbeat.interval.ms"] = 6000, 200
	}
	for name, value := range more {
		conf[name] = value
	}
	consumer, err := kafka.NewConsumer(&conf)
	soak.Check(err)
	return consumer
}

func fill(servers, topic string, partitions, count int) {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers, "enable.idempotence": true})
	soak.Check(err)
	admin, err := kafka.NewAdminClientFromProducer(producer)
	soak.Check(err)
	made, err := admin.CreateTopics(context.Background(), []kafka.TopicSpecification{{Topic: topic, NumPartitions: partitions}})
	soak.Check(err)
	if made[0].Error.Code() != kafka.ErrNoError {
		soak.Check(made[0].Error)
	}
	reports := make(chan kafka.Event, count)
	for number := range count {
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(number % partitions)},
			Value:          []byte(strconv.Itoa(number)),
		}
		soak.Check(producer.ProduceContext(context.Background(), message, reports))
	}
	for range count {
		soak.Check((<-reports).(*kafka.Message).TopicPartition.Error)
	}
	producer.Close()
}

func tellPlaces(what string, places []kafka.TopicPartition) {
	for _, place := range places {
		what += " " + strconv.Itoa(int(place.Partition))
	}
	fmt.Println(what)
}

func rebalanced(_ *kafka.Consumer, event kafka.Event) error {
	switch event := event.(type) {
	case kafka.AssignedPartitions:
		tellPlaces("+", event.Partitions)
	case kafka.RevokedPartitions:
		tellPlaces("-", event.Partitions)
	}
	return nil
}

func read(servers, topic, group string, settings []string) {
	conf := kafka.ConfigMap{"auto.commit.interval.ms": 20}
	pause := 0
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if name == "pause.ms" {
			pause = numberOf(value)
		} else {
			conf[name] = value
		}
	}
	consumer := newConsumer(servers, group, conf)
	soak.Check(consumer.Subscribe(topic, rebalanced))
	var leaving atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		leaving.Store(true)
	}()
	for !leaving.Load() {
		switch event := consumer.Poll(100).(type) {
		case *kafka.Message:
			place := event.TopicPartition
			fmt.Println(place.Partition, int64(place.Offset), numberOf(string(event.Value)))
			time.Sleep(time.Duration(pause) * time.Millisecond)
		case kafka.PartitionEOF:
			fmt.Println("=", event.Partition)
		}
	}
	soak.Check(consumer.Close())
}

func copyNumbers(servers, source, target, group string) {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers, "transactional.id": group})
	soak.Check(err)
	go func() {
		for range producer.Events() { // The reports: a commit tells whether all went well.
		}
	}()
	// A static member, for which the group does not wait after a kill.
	consumer := newConsumer(servers, group, kafka.ConfigMap{
		"enable.auto.commit": false, "isolation.level": "read_committed", "group.instance.id": "copy"})
	soak.Check(consumer.Subscribe(source, nil))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	soak.Check(again(ctx, producer.InitTransactions))
	for {
		fmt.Println(copyTen(producer, consumer, target))
	}
}

// again repeats what may be repeated, until it is done or ctx ends.
func again(ctx context.Context, call func(context.Context) error) error {
	for {
		err := call(ctx)
		if failed, ok := err.(kafka.Error); !ok || !failed.IsRetriable() || ctx.Err() != nil {
			return err
		}
	}
}

func copyTen(producer *kafka.Producer, consumer *kafka.Consumer, target string) int {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	soak.Check(producer.BeginTransaction())
	next := map[int32]kafka.TopicPartition{}
	count := 0
	for count < 10 {
		event := consumer.Poll(200)
		if event == nil {
			break
		}
		m, ok := event.(*kafka.Message)
		if !ok {
			continue
		}
		doubled := strconv.Itoa(2 * numberOf(string(m.Value)))
		soak.Check(producer.ProduceContext(ctx, &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &target, Partition: kafka.PartitionAny}, Value: []byte(doubled)}, nil))
		following := m.TopicPartition
		following.Offset++
		next[following.Partition] = following
		count++
	}
	if count > 0 {
		var places []kafka.TopicPartition
		for _, place := range next {
			places = append(places, place)
		}
		group, err := consumer.GetConsumerGroupMetadata()
		soak.Check(err)
		soak.Check(again(ctx, func(ctx context.Context) error {
			return producer.SendOffsetsToTransaction(ctx, places, group)
		}))
	}
	soak.Check(again(ctx, producer.CommitTransaction))
	return count
}

func main() {
	log.SetFlags(0)
	role, words := os.Args[1], os.Args[2:]
	switch role {
	case "fill":
		fill(words[0], words[1], numberOf(words[2]), numberOf(words[3]))
	case "read":
		read(words[0], words[1], words[2], words[3:])
	case "copy":
		copyNumbers(words[0], words[1], words[2], words[3])
	default:
		log.Fatalf("%s: no such role", role)
	}
}
