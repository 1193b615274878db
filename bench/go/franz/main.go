// franz-go, which is Kafka in Go alone, measured.
package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"bench/work"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	work.Run(map[string]func(w *work.Work){
		"poll":      consume,
		"produce":   func(w *work.Work) { produce(w, 1) },
		"threads":   func(w *work.Work) { produce(w, w.Threads) },
		"consumers": manyConsumers,
		"latency":   latency,
		"idle":      func(w *work.Work) { w.Idle(func() { open(w, options(w, w.Produce)) }) },
	})
}

func open(w *work.Work, opts []kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(w.Servers, ",")...))...)
	work.Must(err)
	return client
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// options says settings of librdkafka in the words of this client, as far as the driver uses them.
func options(w *work.Work, settings map[string]string) (opts []kgo.Opt) {
	number := func(name string) int {
		n, err := strconv.Atoi(settings[name])
		work.Must(err)
		return n
	}
	for name, value := range settings {
		switch name {
		case "linger.ms":
			opts = append(opts, kgo.ProducerLinger(time.Duration(number(name))*time.Millisecond))
		case "compression.type":
			opts = append(opts, kgo.ProducerBatchCompression(codecs[value]))
		case "enable.idempotence":
			if value == "false" {
				opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
			}
		case "queue.buffering.max.messages":
			opts = append(opts, kgo.MaxBufferedRecords(number(name)))
		case "check.crcs":
			opts = append(opts, kgo.DisableFetchCRCValidation())
		case "acks", "enable.auto.commit", "fetch.queue.backoff.ms": // As here by default, or not needed.
		default:
			work.Must(fmt.Errorf("no option for %s", name))
		}
	}
	return opts
}

func subscribed(w *work.Work) *kgo.Client {
	opts := append(options(w, w.Consume), kgo.ConsumerGroup(work.Group()), kgo.ConsumeTopics(w.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if w.Consume["enable.auto.commit"] == "false" {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	return open(w, opts)
}

func take(client *kgo.Client) (count, bytes int) {
	each(client, func(r *kgo.Record) {
		count++
		bytes += len(r.Value)
	})
	return count, bytes
}

func each(client *kgo.Client, do func(r *kgo.Record)) {
	fetches := client.PollFetches(context.Background())
	fetches.EachError(func(_ string, _ int32, err error) { work.Must(err) })
	fetches.EachRecord(do)
}

func consume(w *work.Work) {
	client := subscribed(w)
	w.Drain(func() (int, int) { return take(client) })
}

func manyConsumers(w *work.Work) {
	w.EachReads(func() func() (int, int) {
		client := subscribed(w)
		return func() (int, int) { return take(client) }
	})
}

func record(w *work.Work, value []byte, i int) *kgo.Record {
	r := &kgo.Record{Topic: w.Topic, Value: value}
	if w.Extras {
		r.Key = w.Key(i)
		for _, header := range work.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
		}
	}
	return r
}

func produce(w *work.Work, threads int) {
	client := open(w, options(w, w.Produce))
	sendAll(w, client, w.WarmUp(), 1)
	w.Start()
	sendAll(w, client, w.Messages, threads)
	w.Print(w.Messages, w.Messages*w.Size)
}

// sendAll waits for all reports.
func sendAll(w *work.Work, client *kgo.Client, count, threads int) {
	var reports sync.WaitGroup
	reports.Add(count / threads * threads)
	report := func(_ *kgo.Record, err error) {
		work.Must(err)
		reports.Done()
	}
	for range threads {
		go func() {
			for i := range count / threads {
				client.Produce(context.Background(), record(w, w.Value(i), i), report)
			}
		}()
	}
	reports.Wait()
}

// The value is copied, since this client keeps it and ours do not.
func latency(w *work.Work) {
	producer, consumer := open(w, options(w, w.Produce)), subscribed(w)
	w.Latency(
		func(value []byte, i int) {
			producer.Produce(context.Background(), record(w, append([]byte(nil), value...), i),
				func(_ *kgo.Record, err error) { work.Must(err) })
		},
		func() (values [][]byte) {
			each(consumer, func(r *kgo.Record) { values = append(values, r.Value) })
			return values
		})
}
