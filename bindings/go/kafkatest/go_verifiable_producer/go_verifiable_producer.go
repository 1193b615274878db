// A producer for the system tests of Apache Kafka: it sends numbered messages, and tells what became of each as a line of
// JSON, like org.apache.kafka.tools.VerifiableProducer.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
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

type sent struct {
	line
	Key       *string      `json:"key"`
	Value     string       `json:"value"`
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    kafka.Offset `json:"offset"`
}

type failed struct {
	line
	Exception string  `json:"exception"`
	Message   string  `json:"message"`
	Key       *string `json:"key"`
	Value     string  `json:"value"`
	Topic     string  `json:"topic"`
}

type toolData struct {
	line
	Sent             int     `json:"sent"`
	Acked            int     `json:"acked"`
	TargetThroughput int     `json:"target_throughput"`
	AvgThroughput    float64 `json:"avg_throughput"`
}

type options struct {
	topic, servers, acks, prefix, config string
	max, throughput, keys                int
	createTime                           int64
}

func main() {
	var o options
	flag.StringVar(&o.topic, "topic", "", "topic to produce to")
	flag.StringVar(&o.servers, "bootstrap-server", "", "bootstrap servers")
	flag.StringVar(&o.servers, "broker-list", "", "the same, by its old name")
	flag.IntVar(&o.max, "max-messages", -1, "number of messages; -1 = until interrupted")
	flag.IntVar(&o.throughput, "throughput", -1, "messages a second; -1 = as many as possible")
	flag.StringVar(&o.acks, "acks", "-1", "acknowledgements: 0, 1, -1")
	flag.StringVar(&o.config, "producer.config", "", "file with settings")
	flag.StringVar(&o.prefix, "value-prefix", "", "a number; values begin with it and a dot")
	flag.IntVar(&o.keys, "repeating-keys", 0, "keys count from 0 to this; 0 = no keys")
	flag.Int64Var(&o.createTime, "message-create-time", 0, "timestamp of all messages, in milliseconds; 0 = now")
	flag.Parse()
	if o.topic == "" || o.servers == "" {
		fmt.Fprintln(os.Stderr, "--topic and --bootstrap-server are needed")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options) error {
	settings := kafka.ConfigMap{"go.delivery.report.fields": "key,value"}
	if err := readSettings(settings, o.config); err != nil {
		return err
	}
	settings["bootstrap.servers"], settings["acks"] = o.servers, o.acks
	producer, err := kafka.NewProducer(&settings)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)

	out := bufio.NewWriter(os.Stdout)
	print := func(value any) {
		text, _ := json.Marshal(value)
		out.Write(append(text, '\n'))
	}
	print(named("startup_complete"))
	out.Flush()

	acked := make(chan int)
	go func() {
		count := 0
		for event := range producer.Events() {
			if report, ok := event.(*kafka.Message); ok {
				print(told(report))
				if report.TopicPartition.Error == nil {
					count++
				}
			}
			if len(producer.Events()) == 0 {
				out.Flush()
			}
		}
		acked <- count
	}()

	start := time.Now()
	count := send(producer, o, start, stop)
	producer.Flush(60_000)
	producer.Close()
	all := <-acked
	print(named("shutdown_complete"))
	print(toolData{named("tool_data"), count, all, o.throughput, float64(all) / time.Since(start).Seconds()})
	return out.Flush()
}

// send returns the number of messages sent.
func send(producer *kafka.Producer, o options, start time.Time, stop <-chan os.Signal) int {
	for count := 0; ; count++ {
		if count == o.max {
			return count
		}
		if o.throughput > 0 {
			due := start.Add(time.Duration(count) * time.Second / time.Duration(o.throughput))
			select {
			case <-stop:
				return count
			case <-time.After(time.Until(due)):
			}
		}
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &o.topic, Partition: kafka.PartitionAny},
			Value:          []byte(strconv.Itoa(count)),
		}
		if o.prefix != "" {
			message.Value = []byte(o.prefix + "." + strconv.Itoa(count))
		}
		if o.keys > 0 {
			message.Key = []byte(strconv.Itoa(count % o.keys))
		}
		if o.createTime > 0 {
			message.Timestamp = time.UnixMilli(o.createTime + int64(count))
		}
		select {
		case <-stop:
			return count
		case producer.ProduceChannel() <- message:
		}
	}
}

func told(report *kafka.Message) any {
	var key *string
	if report.Key != nil {
		text := string(report.Key)
		key = &text
	}
	place := report.TopicPartition
	if err := place.Error; err != nil {
		return failed{named("producer_send_error"), fmt.Sprintf("%T", err), err.Error(), key, string(report.Value), *place.Topic}
	}
	return sent{named("producer_send_success"), key, string(report.Value), *place.Topic, place.Partition, place.Offset}
}

// readSettings reads lines key=value, as in a file of Java's properties.
func readSettings(into kafka.ConfigMap, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if err := into.Set(line); err != nil {
				return fmt.Errorf("%s: %s: %w", file, line, err)
			}
		}
	}
	return nil
}
