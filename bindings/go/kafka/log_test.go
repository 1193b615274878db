package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogLinesComeOnAChannelThatCloseCloses(t *testing.T) {
	for _, kind := range []string{"producer", "consumer"} {
		settings := ConfigMap{"debug": "broker", "go.logs.channel.enable": true}
		var logs chan LogEvent
		var stop func()
		if kind == "producer" {
			p := newProducer(t, settings)
			logs, stop = p.Logs(), p.Close
		} else {
			c := newConsumer(t, settings)
			logs, stop = c.Logs(), func() { check(t, c.Close()) }
		}
		e := receive(t, logs)
		if !strings.Contains(e.Name, kind) || e.Message == "" || e.Tag == "" || e.Level == 0 || time.Since(e.Timestamp) > time.Minute {
			t.Errorf("%#v", e)
		}
		go stop()
		for range logs {
		}
	}
}

func TestLogLinesComeOnTheChannelOfTheApplicationWhichStaysOpen(t *testing.T) {
	mine := make(chan LogEvent)
	p := newProducer(t, ConfigMap{"debug": "all", "go.logs.channel.enable": true, "go.logs.channel": mine})
	if p.Logs() != mine {
		t.Error("another channel")
	}
	receive(t, mine)
	// Nobody reads any more.
	p.Close()
	select {
	case _, open := <-mine:
		if !open {
			t.Error("closed")
		}
	default:
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(data)
}

func TestLogLinesGoToSlog(t *testing.T) {
	var out lockedBuffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := newProducer(t, ConfigMap{"debug": "broker", "go.logs.slog": logger})
	if p.Logs() != nil {
		t.Error("a channel that nobody asked for")
	}
	p.Flush(100)
	p.Close()
	if text := out.String(); !strings.Contains(text, "level=DEBUG") || !strings.Contains(text, "client="+p.String()) {
		t.Errorf("%q", text)
	}
}

func TestWithoutTheSettingThereAreNoLogs(t *testing.T) {
	p := newProducer(t, ConfigMap{"debug": "all"})
	if p.Logs() != nil {
		t.Error("logs")
	}
}
