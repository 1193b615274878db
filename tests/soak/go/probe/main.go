// Probe does what probe.c does, with the Go client: the command line and what it tells are the same. No setting is read
// back, for a ConfigMap is the program's own.
package main

import (
	"bufio"
	"context"
	"log"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"soak"
)

// Of the errors that are expected somewhere, as the other probes call them.
var names = map[kafka.ErrorCode]string{
	kafka.ErrNoError:                  "NO_ERROR",
	kafka.ErrAllBrokersDown:           "_ALL_BROKERS_DOWN",
	kafka.ErrAuthentication:           "_AUTHENTICATION",
	kafka.ErrMsgTimedOut:              "_MSG_TIMED_OUT",
	kafka.ErrSsl:                      "_SSL",
	kafka.ErrTransport:                "_TRANSPORT",
	kafka.ErrTopicAuthorizationFailed: "TOPIC_AUTHORIZATION_FAILED",
}

func nameOf(code kafka.ErrorCode) string {
	if name, ok := names[code]; ok {
		return name
	}
	return strconv.Itoa(int(code))
}

type probe struct {
	topic, servers string
	settings       []string
	start          time.Time
	limit          time.Duration
	firstError     time.Duration
	sent, received string
	closed         time.Duration
}

func (p *probe) note(what string, err error) {
	code := kafka.ErrFail
	if failed, ok := err.(kafka.Error); ok {
		code = failed.Code()
	}
	if p.firstError == 0 {
		p.firstError = time.Since(p.start)
	}
	soak.Tell(map[string]any{what: nameOf(code), "text": err.Error()})
}

func (p *probe) tellLogs(lines <-chan kafka.LogEvent) {
	for line := range lines {
		soak.Tell(map[string]any{"log": "NO_ERROR", "text": line.Message})
	}
}

// conf has what the other probes set, too.
func (p *probe) conf(more kafka.ConfigMap) *kafka.ConfigMap {
	more["bootstrap.servers"] = p.servers
	more["go.logs.channel.enable"] = true
	for _, setting := range p.settings {
		name, value, _ := strings.Cut(setting, "=")
		more[name] = value
	}
	return &more
}

type client interface {
	SetOAuthBearerToken(kafka.OAuthBearerToken) error
	SetOAuthBearerTokenFailure(string) error
	CloseContext(context.Context) error
}

// handle deals with what is neither a report nor a message.
func (p *probe) handle(c client, event kafka.Event) {
	switch event := event.(type) {
	case kafka.OAuthBearerTokenRefresh:
		var err error
		if token, ok := os.LookupEnv("PROBE_TOKEN"); ok {
			err = c.SetOAuthBearerToken(kafka.OAuthBearerToken{
				TokenValue: token, Expiration: time.Now().Add(5 * time.Minute), Principal: "probe"})
		} else {
			err = c.SetOAuthBearerTokenFailure("no token to be had")
		}
		if err != nil {
			p.note("token", err)
		}
	case kafka.Error:
		p.note("row", event)
	}
}

func (p *probe) send() {
	producer, err := kafka.NewProducer(p.conf(kafka.ConfigMap{"message.timeout.ms": 3000}))
	if err != nil {
		p.note("open", err)
		return
	}
	go p.tellLogs(producer.Logs())
	p.sent = nameOf(kafka.ErrTimedOut)
	soak.Check(producer.Produce(&kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &p.topic, Partition: kafka.PartitionAny}, Value: []byte("probe")}, nil))
	over := time.After(time.Until(p.start.Add(p.limit)))
	for waiting := true; waiting; {
		select {
		case event := <-producer.Events():
			if report, ok := event.(*kafka.Message); !ok {
				p.handle(producer, event)
			} else if failed, ok := report.TopicPartition.Error.(kafka.Error); ok {
				p.sent = nameOf(failed.Code())
			} else {
				p.sent, waiting = nameOf(kafka.ErrNoError), false
			}
		case <-over:
			waiting = false
		}
	}
	if p.sent == nameOf(kafka.ErrNoError) {
		p.receive()
	}
	p.close(producer)
}

func (p *probe) receive() {
	consumer, err := kafka.NewConsumer(p.conf(kafka.ConfigMap{"group.id": "probe", "auto.offset.reset": "earliest"}))
	if err != nil {
		p.note("open", err)
		return
	}
	go p.tellLogs(consumer.Logs())
	soak.Check(consumer.Subscribe(p.topic, nil))
	p.received = nameOf(kafka.ErrTimedOut)
	for time.Since(p.start) < p.limit {
		event := consumer.Poll(50)
		if message, ok := event.(*kafka.Message); ok {
			if message.TopicPartition.Error == nil {
				p.received = nameOf(kafka.ErrNoError)
			}
			break
		}
		p.handle(consumer, event)
	}
	p.close(consumer)
}

func (p *probe) close(c client) { p.closed += soak.CloseWithin(time.Second, c.CloseContext) }

func cpuSeconds() float64 {
	var usage syscall.Rusage
	soak.Check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func main() {
	log.SetFlags(0)
	seconds, err := strconv.ParseFloat(os.Args[3], 64)
	soak.Check(err)
	input := bufio.NewScanner(os.Stdin)
	awaitDriver := func(said map[string]any) {
		soak.Tell(said)
		if !input.Scan() {
			os.Exit(3) // It is gone.
		}
	}
	awaitDriver(map[string]any{"begins": true})
	closed := nameOf(kafka.ErrDestroy)
	p := probe{servers: os.Args[1], topic: os.Args[2], settings: os.Args[4:], start: time.Now(), sent: closed, received: closed,
		limit: time.Duration(seconds * float64(time.Second))}
	p.send()
	awaitDriver(map[string]any{"final": true, "sent": p.sent, "received": p.received,
		"first_error": p.firstError.Round(10 * time.Millisecond).Seconds(), "close_ms": p.closed.Milliseconds(),
		"cpu": cpuSeconds(), "seconds": time.Since(p.start).Seconds()})
}
