//go:build cgo

package kafka

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// readiness waits until a channel of the core is worth receiving from. It is Go's own network poller that waits, on the
// channel's descriptor: a goroutine that waits here holds no thread.
type readiness struct {
	file *os.File
	raw  syscall.RawConn
	// Holds a token while someone waits on the descriptor; others wait for their turn.
	turn chan struct{}
}

var longAgo = time.Unix(1, 0)

func newReadiness(channel coreChan) (*readiness, error) {
	fd, err := channel.fd()
	if err != nil {
		return nil, err
	}
	// The descriptor belongs to the core, which closes it when it likes.
	fd, err = dup(fd)
	if err != nil {
		return nil, NewError(ErrCritSysResource, "descriptor of a channel: "+err.Error(), false)
	}
	file := os.NewFile(uintptr(fd), "kafka_rs")
	raw, err := file.SyscallConn()
	if err == nil {
		// Fails where the poller does not take the descriptor.
		err = file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		file.Close()
		return nil, NewError(ErrCritSysResource, "descriptor of a channel: "+err.Error(), false)
	}
	return &readiness{file: file, raw: raw, turn: make(chan struct{}, 1)}, nil
}

// dup gives a descriptor that is closed in child processes and never blocks.
func dup(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	copied, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(copied)
		err = syscall.SetNonblock(copied, true)
	}
	return copied, err
}

func (r *readiness) close() { r.file.Close() }

// wait calls try until it returns true: at once, and whenever there may be something new. It ends early with the error of
// the context, with os.ErrDeadlineExceeded at the deadline (zero: none), or with os.ErrClosed.
func (r *readiness) wait(ctx context.Context, deadline time.Time, try func() bool) error {
	if err := r.takeTurn(ctx, deadline); err != nil {
		return err
	}
	defer func() { <-r.turn }()
	if err := r.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	if ctx.Done() != nil {
		defer r.wakeWhenDone(ctx)()
	}
	err := r.raw.Read(func(uintptr) bool { return try() })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	if errors.Is(err, os.ErrClosed) {
		return os.ErrClosed
	}
	return err
}

func (r *readiness) takeTurn(ctx context.Context, deadline time.Time) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	default:
	}
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-expired:
		return os.ErrDeadlineExceeded
	}
}

// wakeWhenDone makes the end of the context a deadline. What it returns must be called before someone else takes a turn.
func (r *readiness) wakeWhenDone(ctx context.Context) func() {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		r.file.SetReadDeadline(longAgo)
		close(woken)
	})
	return func() {
		if !stop() {
			<-woken
		}
	}
}

// deadlineAfter is zero for a negative time, which means for ever.
func deadlineAfter(timeout time.Duration) time.Time {
	if timeout < 0 {
		return time.Time{}
	}
	return time.Now().Add(timeout)
}
