// One way to use a Go client, measured: run with each of several clients, on the same messages, by bench/go/quick.
//
//	bench <way> <servers> <topic> <messages> [key=value]...
//
// Prints messages a second, microseconds of CPU time and allocations a message.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const size = 100

// ways consume or produce that many messages, and return when the first one of them was there.
var ways = map[string]func(b *bench) time.Time{
	"poll": func(b *bench) time.Time {
		return b.consume(func(c *kafka.Consumer) int {
			if _, ok := c.Poll(100).(*kafka.Message); ok {
				return 1
			}
			return 0
		})
	},
	"read": func(b *bench) time.Time {
		return b.consume(func(c *kafka.Consumer) int {
			if _, err := c.ReadMessage(100 * time.Millisecond); err == nil {
				return 1
			}
			return 0
		})
	},
	"events": func(b *bench) time.Time {
		b.settings["go.events.channel.enable"] = true
		return b.consume(func(c *kafka.Consumer) int {
			if _, ok := (<-c.Events()).(*kafka.Message); ok {
				return 1
			}
			return 0
		})
	},
	"produce": func(b *bench) time.Time {
		return b.produce(func(p *kafka.Producer, m *kafka.Message) {
			for p.Produce(m, nil) != nil {
				time.Sleep(time.Millisecond)
			}
		})
	},
	"channel": func(b *bench) time.Time {
		return b.produce(func(p *kafka.Producer, m *kafka.Message) { p.ProduceChannel() <- m })
	},
}

type bench struct {
	topic    string
	count    int
	settings kafka.ConfigMap
}

func main() {
	count, _ := strconv.Atoi(os.Args[4])
	b := &bench{os.Args[3], count, kafka.ConfigMap{"bootstrap.servers": os.Args[2]}}
	for _, setting := range os.Args[5:] {
		must(b.settings.Set(setting))
	}
	// Consumers wait for their group first, which is not what is measured.
	start := time.Now()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	first := ways[os.Args[1]](b)
	if first.IsZero() {
		first = start
	}
	took := time.Since(first).Seconds()
	used := cpuTime() - cpu
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	n := float64(count)
	fmt.Printf("%.0f %.3f %.3f\n", n/took, used.Seconds()*1e6/n, float64(after.Mallocs-before.Mallocs)/n)
}

func (b *bench) consume(next func(*kafka.Consumer) int) (first time.Time) {
	b.settings["group.id"] = fmt.Sprint("bench-", time.Now().UnixNano())
	b.settings["auto.offset.reset"] = "earliest"
	c, err := kafka.NewConsumer(&b.settings)
	must(err)
	must(c.Subscribe(b.topic, nil))
	for got := 0; got < b.count; {
		got += next(c)
		if first.IsZero() && got > 0 {
			first = time.Now()
		}
	}
	return first
}

func (b *bench) produce(send func(*kafka.Producer, *kafka.Message)) time.Time {
	p, err := kafka.NewProducer(&b.settings)
	must(err)
	done := make(chan bool)
	go func() {
		for got := 0; got < b.count; {
			if m, ok := (<-p.Events()).(*kafka.Message); ok {
				must(m.TopicPartition.Error)
				got++
			}
		}
		close(done)
	}()
	value := make([]byte, size)
	for i := 0; i < b.count; i++ {
		send(p, &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &b.topic, Partition: kafka.PartitionAny}, Value: value})
	}
	<-done
	return time.Time{}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
