//go:build cgo

package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// LogEvent is a line that a client logs.
type LogEvent struct {
	Name      string // of the client
	Tag       string // what the line is about, such as "FAIL"
	Message   string
	Level     int // of syslog: 0 is worst, 7 is debug
	Timestamp time.Time
}

func (e LogEvent) String() string {
	return fmt.Sprintf("[%s][%s][%s][%d]%s", e.Timestamp.Format(time.RFC3339), e.Name, e.Tag, e.Level, e.Message)
}

// SlogLevel is the level of log/slog that comes nearest.
func (e LogEvent) SlogLevel() slog.Level {
	switch {
	case e.Level <= 3:
		return slog.LevelError
	case e.Level == 4:
		return slog.LevelWarn
	case e.Level <= 6:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// logGrace is the time for the last lines of a client to be taken.
const logGrace = 100 * time.Millisecond

// Lines that wait in a Go channel; the core keeps 10,000 more.
const logChannelSize = 1000

func (s logSettings) wanted() bool { return s.enabled || s.logger != nil }

// logPump carries the lines of one client to where they are wanted.
type logPump struct {
	handle *handle
	from   coreChan
	ready  *readiness
	to     chan LogEvent
	own    bool // the channel was made here, and is closed here
	logger *slog.Logger
	stop   context.CancelFunc
	done   chan struct{}
}

func startLogs(h *handle, settings logSettings) (*logPump, error) {
	from, err := h.core.logs()
	if err != nil {
		return nil, err
	}
	ready, err := newReadiness(from)
	if err != nil {
		return nil, err
	}
	p := &logPump{handle: h, from: from, ready: ready, logger: settings.logger, done: make(chan struct{})}
	if settings.enabled {
		p.to = settings.channel
		if p.to == nil {
			p.to, p.own = make(chan LogEvent, logChannelSize), true
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go p.run(ctx)
	return p, nil
}

func (p *logPump) run(ctx context.Context) {
	defer close(p.done)
	defer p.ready.close()
	r := newRows()
	defer r.free()
	if p.own {
		defer close(p.to)
	}
	for {
		code := codeWouldBlock
		err := p.ready.wait(ctx, time.Time{}, func() bool {
			code = r.recv(p.from, allRows, 1000)
			return code != codeWouldBlock
		})
		if err != nil || code != 0 {
			return
		}
		for row := 0; row < r.count; row++ {
			if !p.pass(ctx, r.logEvent(row, p.handle.name), r.opaque[row]) {
				return
			}
		}
	}
}

func (r *rows) logEvent(row int, name string) LogEvent {
	timestamp := time.Now()
	if r.timestamp[row] >= 0 {
		timestamp = time.UnixMilli(r.timestamp[row])
	}
	return LogEvent{Name: name, Tag: r.key.text(row), Message: r.value.text(row), Level: int(r.code[row]), Timestamp: timestamp}
}

// pass waits until the line is taken: the core drops lines meanwhile, and counts them.
func (p *logPump) pass(ctx context.Context, event LogEvent, dropped uint64) bool {
	if p.logger != nil {
		attributes := []any{"client", event.Name, "tag", event.Tag}
		if dropped > 0 {
			attributes = append(attributes, "dropped", dropped)
		}
		p.logger.Log(ctx, event.SlogLevel(), event.Message, attributes...)
	}
	if p.to == nil {
		return true
	}
	select {
	case p.to <- event:
		return true
	default:
	}
	select {
	case p.to <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// close returns when nothing more will be logged.
func (p *logPump) close() {
	if p != nil {
		// The client is closed, so that the goroutine ends by itself, unless nobody takes the lines.
		select {
		case <-p.done:
		case <-time.After(logGrace):
		}
		p.stop()
		<-p.done
		p.from.free()
	}
}

// channel is nil where logs were not asked for.
func (p *logPump) channel() chan LogEvent {
	if p == nil {
		return nil
	}
	return p.to
}
