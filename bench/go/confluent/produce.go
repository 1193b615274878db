package main

import (
	"time"

	"bench/work"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func message(w *work.Work, value []byte, i int) *kafka.Message {
	m := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &w.Topic, Partition: kafka.PartitionAny}, Value: value}
	if w.Extras {
		m.Key = w.Key(i)
		for _, header := range work.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: header.Key, Value: header.Value})
		}
	}
	return m
}

func produceOne(p *kafka.Producer, m *kafka.Message) {
	for {
		err := p.Produce(m, nil)
		if err == nil {
			return
		}
		if failed, ok := err.(kafka.Error); !ok || failed.Code() != kafka.ErrQueueFull {
			work.Must(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func produceByChannel(p *kafka.Producer, m *kafka.Message) { p.ProduceChannel() <- m }

func takeReports(p *kafka.Producer, count int) {
	for count > 0 {
		if m, ok := (<-p.Events()).(*kafka.Message); ok {
			work.Must(m.TopicPartition.Error)
			count--
		}
	}
}

// All reports are awaited.
func awaitReports(p *kafka.Producer, count int) chan bool {
	done := make(chan bool)
	go func() {
		takeReports(p, count)
		close(done)
	}()
	return done
}

func produce(w *work.Work, send func(*kafka.Producer, *kafka.Message)) {
	p := newProducer(w)
	sendAll := func(count int) {
		done := awaitReports(p, count)
		for i := range count {
			send(p, message(w, w.Value(i), i))
		}
		<-done
	}
	sendAll(w.WarmUp())
	w.Start()
	sendAll(w.Messages)
	w.Print(w.Messages, w.Messages*w.Size)
}

// Many goroutines share one producer.
func produceByThreads(w *work.Work) {
	p := newProducer(w)
	share := w.Messages / w.Threads
	done := awaitReports(p, share*w.Threads)
	w.Start()
	for range w.Threads {
		go func() {
			for i := range share {
				produceOne(p, message(w, w.Value(i), i))
			}
		}()
	}
	<-done
	w.Print(share*w.Threads, share*w.Threads*w.Size)
}
