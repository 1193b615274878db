// A consumer for the system tests of Apache Kafka: it tells what it is assigned, what it reads and what it commits as lines
// of JSON, like org.apache.kafka.tools.VerifiableConsumer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"kafka_rs/bindings/go/kafka"
)

type line struct {
	Timestamp int64  `json:"timestamp"`
	Name      string `json:"name"`
}

func named(name string) line { return line{time.Now().UnixMilli(), name} }

type partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

type partitions struct {
	line
	Partitions []partition `json:"partitions"`
}

type record struct {
	line
	Key   *string `json:"key"`
	Value string  `json:"value"`
	partition
	Offset kafka.Offset `json:"offset"`
}

type span struct {
	partition
	Count     int          `json:"count"`
	MinOffset kafka.Offset `json:"minOffset"`
	MaxOffset kafka.Offset `json:"maxOffset"`
}

type consumed struct {
	line
	Count      int     `json:"count"`
	Partitions []*span `json:"partitions"`
}

type offset struct {
	partition
	Offset kafka.Offset `json:"offset"`
}

type committed struct {
	line
	Offsets []offset `json:"offsets"`
	Success bool     `json:"success"`
	Error   string   `json:"error,omitempty"`
}

type options struct {
	topic, servers, group, instance, reset, strategy, protocol, config string
	max, session                                                       int
	verbose, autoCommit                                                bool
}

func main() {
	var o options
	flag.StringVar(&o.topic, "topic", "", "topics to consume, with commas between")
	flag.StringVar(&o.servers, "bootstrap-server", "", "bootstrap servers")
	flag.StringVar(&o.servers, "broker-list", "", "the same, by its old name")
	flag.StringVar(&o.group, "group-id", "", "group of the consumer")
	flag.StringVar(&o.instance, "group-instance-id", "", "name of a static member")
	flag.StringVar(&o.protocol, "group-protocol", "", "classic or consumer")
	flag.IntVar(&o.max, "max-messages", -1, "number of messages; -1 = until interrupted")
	flag.IntVar(&o.session, "session-timeout", 0, "session timeout in milliseconds")
	flag.BoolVar(&o.verbose, "verbose", false, "tell of each record")
	flag.BoolVar(&o.autoCommit, "enable-autocommit", false, "commit by itself")
	flag.StringVar(&o.reset, "reset-policy", "earliest", "where to begin: earliest, latest, none")
	flag.StringVar(&o.strategy, "assignment-strategy", "", "name, or class name of Java's client")
	flag.StringVar(&o.config, "consumer.config", "", "file with settings")
	flag.StringVar(&o.config, "command-config", "", "the same")
	flag.Parse()
	if o.topic == "" || o.servers == "" || o.group == "" {
		fmt.Fprintln(os.Stderr, "--topic, --bootstrap-server and --group-id are needed")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tool is the consumer with its output. All of it runs in one goroutine: the rebalance callback is called by what receives.
type tool struct {
	options
	consumer *kafka.Consumer
	out      *bufio.Writer
	count    int
}

func run(o options) error {
	settings, err := o.settings()
	if err != nil {
		return err
	}
	t := &tool{options: o, out: bufio.NewWriter(os.Stdout)}
	if t.consumer, err = kafka.NewConsumer(&settings); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	t.print(named("startup_complete"))
	if err := t.consumer.SubscribeTopics(strings.Split(o.topic, ","), t.rebalance); err != nil {
		return err
	}
	for ctx.Err() == nil && (o.max < 0 || t.count < o.max) {
		messages, err := t.consumer.PollBatch(ctx, 500)
		if err == nil {
			t.consume(messages)
		} else if ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	err = t.consumer.Close()
	t.print(named("shutdown_complete"))
	return err
}

func (o options) settings() (kafka.ConfigMap, error) {
	settings := kafka.ConfigMap{}
	if o.config != "" {
		text, err := os.ReadFile(o.config)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				if err := settings.Set(line); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", o.config, line, err)
				}
			}
		}
	}
	settings["bootstrap.servers"], settings["group.id"] = o.servers, o.group
	settings["auto.offset.reset"], settings["enable.auto.commit"] = o.reset, o.autoCommit
	if o.instance != "" {
		settings["group.instance.id"] = o.instance
	}
	if o.protocol != "" {
		settings["group.protocol"] = o.protocol
	}
	if o.session > 0 {
		settings["session.timeout.ms"] = o.session
	}
	if o.strategy != "" {
		settings["partition.assignment.strategy"] = strategyName(o.strategy)
	}
	return settings, nil
}

// strategyName turns org.apache.kafka.clients.consumer.CooperativeStickyAssignor into cooperative-sticky.
func strategyName(class string) string {
	name := class[strings.LastIndexByte(class, '.')+1:]
	switch name {
	case "RangeAssignor":
		return "range"
	case "RoundRobinAssignor":
		return "roundrobin"
	case "CooperativeStickyAssignor":
		return "cooperative-sticky"
	}
	return class
}

func (t *tool) print(value any) {
	text, _ := json.Marshal(value)
	t.out.Write(append(text, '\n'))
	t.out.Flush()
}

func (t *tool) rebalance(_ *kafka.Consumer, event kafka.Event) error {
	switch e := event.(type) {
	case kafka.AssignedPartitions:
		t.print(partitions{named("partitions_assigned"), placesOf(e.Partitions)})
	case kafka.RevokedPartitions:
		t.print(partitions{named("partitions_revoked"), placesOf(e.Partitions)})
	}
	// The usual answer is given by the client.
	return nil
}

func placesOf(list []kafka.TopicPartition) []partition {
	all := make([]partition, 0, len(list))
	for _, p := range list {
		all = append(all, partition{*p.Topic, p.Partition})
	}
	return all
}

func (t *tool) consume(messages []*kafka.Message) {
	if t.max >= 0 {
		messages = messages[:min(len(messages), t.max-t.count)]
	}
	told := consumed{line: named("records_consumed"), Count: len(messages)}
	spans := make(map[partition]*span)
	var next []kafka.TopicPartition
	for _, m := range messages {
		place := partition{*m.TopicPartition.Topic, m.TopicPartition.Partition}
		s := spans[place]
		if s == nil {
			s = &span{partition: place, MinOffset: m.TopicPartition.Offset}
			spans[place] = s
			told.Partitions = append(told.Partitions, s)
		}
		s.Count++
		s.MaxOffset = m.TopicPartition.Offset
		if t.verbose {
			t.printRecord(m, place)
		}
	}
	t.count += len(messages)
	t.print(told)
	for _, s := range told.Partitions {
		next = append(next, kafka.TopicPartition{Topic: &s.Topic, Partition: s.Partition, Offset: s.MaxOffset + 1})
	}
	if !t.autoCommit {
		t.commit(next)
	}
}

func (t *tool) printRecord(m *kafka.Message, place partition) {
	r := record{named("record_data"), nil, string(m.Value), place, m.TopicPartition.Offset}
	if m.Key != nil {
		key := string(m.Key)
		r.Key = &key
	}
	t.print(r)
}

func (t *tool) commit(next []kafka.TopicPartition) {
	done, err := t.consumer.CommitOffsets(next)
	told := committed{line: named("offsets_committed"), Success: err == nil, Offsets: []offset{}}
	if err != nil {
		told.Error = err.Error()
		done = next
	}
	for _, p := range done {
		told.Offsets = append(told.Offsets, offset{partition{*p.Topic, p.Partition}, p.Offset})
		if p.Error != nil {
			told.Success, told.Error = false, p.Error.Error()
		}
	}
	t.print(told)
}
