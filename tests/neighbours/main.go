// Neighbours: this Go client and confluent-kafka-go in one program, each with a librdkafka of its own. What one sends, the
// other receives.
package main

import (
	"fmt"
	"log"
	"time"

	peer "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	ours "kafka_rs/bindings/go/kafka"
)

const count = 1000

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func sendOurs(servers, topic string) {
	producer, err := ours.NewProducer(&ours.ConfigMap{"bootstrap.servers": servers, "go.delivery.reports": false})
	check(err)
	defer producer.Close()
	for i := range count {
		check(producer.Produce(&ours.Message{
			TopicPartition: ours.TopicPartition{Topic: &topic, Partition: 0}, Value: fmt.Append(nil, i)}, nil))
	}
	if left := producer.Flush(60000); left > 0 {
		log.Fatalf("%d are left", left)
	}
}

func sendPeer(servers, topic string) {
	producer, err := peer.NewProducer(&peer.ConfigMap{"bootstrap.servers": servers, "go.delivery.reports": false})
	check(err)
	defer producer.Close()
	for i := range count {
		check(producer.Produce(&peer.Message{
			TopicPartition: peer.TopicPartition{Topic: &topic, Partition: 0}, Value: fmt.Append(nil, i)}, nil))
	}
	if left := producer.Flush(60000); left > 0 {
		log.Fatalf("%d are left", left)
	}
}

func receiveOurs(servers, topic string) {
	consumer, err := ours.NewConsumer(&ours.ConfigMap{
		"bootstrap.servers": servers, "group.id": "ours", "auto.offset.reset": "earliest"})
	check(err)
	defer consumer.Close()
	check(consumer.Subscribe(topic, nil))
	for i := range count {
		message, err := consumer.ReadMessage(time.Minute)
		check(err)
		expect(string(message.Value), i)
	}
}

func receivePeer(servers, topic string) {
	consumer, err := peer.NewConsumer(&peer.ConfigMap{
		"bootstrap.servers": servers, "group.id": "peer", "auto.offset.reset": "earliest"})
	check(err)
	defer consumer.Close()
	check(consumer.Subscribe(topic, nil))
	for i := range count {
		message, err := consumer.ReadMessage(time.Minute)
		check(err)
		expect(string(message.Value), i)
	}
}

func expect(value string, number int) {
	if value != fmt.Sprint(number) {
		log.Fatalf("%s instead of %d", value, number)
	}
}

func main() {
	cluster, err := ours.NewMockCluster(1)
	check(err)
	defer cluster.Close()
	servers := cluster.BootstrapServers()
	sendOurs(servers, "ours")
	sendPeer(servers, "peer")
	receivePeer(servers, "ours")
	receiveOurs(servers, "peer")
	_, version := peer.LibraryVersion()
	fmt.Printf("%d messages each way, beside librdkafka %s\n", count, version)
}
