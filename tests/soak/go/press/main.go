// Press does what press.c does, with the Go client: the command line and the counts are the same.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"soak"
)

const pace = 2 * time.Millisecond

var body = bytes.Repeat([]byte("x"), 1000)

type press struct {
	topic                    string
	partitions               int
	producer                 *kafka.Producer
	consumer                 *kafka.Consumer
	shares                   []atomic.Int64
	reports, acked, received atomic.Int64
}

func (p *press) open(servers string) {
	var err error
	p.producer, err = kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": servers, "enable.idempotence": true, "linger.ms": 50, "queue.buffering.max.kbytes": 16384,
		"message.timeout.ms": 300000, "go.delivery.report.fields": "none"})
	soak.Check(err)
	p.consumer, err = kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": servers, "group.id": p.topic, "auto.offset.reset": "earliest",
		"queued.max.messages.kbytes": 4096, "krs.held.max.kbytes": 4096, "fetch.message.max.bytes": 262144})
	soak.Check(err)
	admin, err := kafka.NewAdminClientFromProducer(p.producer)
	soak.Check(err)
	made, err := admin.CreateTopics(context.Background(), []kafka.TopicSpecification{{Topic: p.topic, NumPartitions: p.partitions}})
	soak.Check(err)
	if made[0].Error.Code() != kafka.ErrNoError {
		soak.Check(made[0].Error)
	}
	soak.Check(p.consumer.Subscribe(p.topic, nil))
}

func (p *press) sendOn(ctx context.Context, share *atomic.Int64) {
	for {
		partition := int32(share.Load() % int64(p.partitions))
		err := p.producer.ProduceContext(ctx, &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &p.topic, Partition: partition}, Value: body}, nil)
		if errors.Is(err, context.Canceled) {
			return
		}
		soak.Check(err)
		share.Add(1)
	}
}

func (p *press) takeReports() {
	for event := range p.producer.Events() {
		if report, ok := event.(*kafka.Message); ok {
			p.reports.Add(1)
			if report.TopicPartition.Error == nil {
				p.acked.Add(1)
			}
		}
	}
}

func (p *press) takeRows(ctx context.Context) {
	for ctx.Err() == nil {
		if _, ok := p.consumer.Poll(1000).(*kafka.Message); ok {
			p.received.Add(1)
			time.Sleep(pace)
		}
	}
}

func (p *press) print(more map[string]any) {
	shares, sent := make([]int64, len(p.shares)), int64(0)
	for i := range p.shares {
		shares[i] = p.shares[i].Load()
		sent += shares[i]
	}
	said := map[string]any{"shares": shares, "sent": sent, "reports": p.reports.Load(), "acked": p.acked.Load(),
		"received": p.received.Load()}
	maps.Copy(said, more)
	soak.Tell(said)
}

func awaitStop() {
	for scanner := bufio.NewScanner(os.Stdin); scanner.Scan(); {
		if strings.HasPrefix(scanner.Text(), "stop") {
			return
		}
	}
	os.Exit(3) // The driver is gone.
}

func main() {
	log.SetFlags(0)
	partitions, err := strconv.Atoi(os.Args[3])
	soak.Check(err)
	senders, err := strconv.Atoi(os.Args[4])
	soak.Check(err)
	p := press{topic: os.Args[2], partitions: partitions, shares: make([]atomic.Int64, senders)}
	p.open(os.Args[1])
	ctx, cancel := context.WithCancel(context.Background())
	var sending, receiving, reporting sync.WaitGroup
	for i := range p.shares {
		sending.Go(func() { p.sendOn(ctx, &p.shares[i]) })
	}
	receiving.Go(func() { p.takeRows(ctx) })
	reporting.Go(p.takeReports)
	go func() {
		awaitStop()
		cancel()
	}()
	for ctx.Err() == nil {
		p.print(nil)
		time.Sleep(200 * time.Millisecond)
	}
	sending.Wait()
	receiving.Wait()
	took := soak.CloseWithin(10*time.Second, p.consumer.CloseContext)
	took += soak.CloseWithin(5*time.Second, p.producer.CloseContext) // What is left is purged.
	reporting.Wait()
	p.print(map[string]any{"close_ms": took.Milliseconds(), "final": true})
}
