//go:build cgo

package kafka

import (
	"sync/atomic"
	"time"
)

// Handle is a Producer, Consumer or AdminClient.
type Handle interface {
	// SetOAuthBearerToken answers an OAuthBearerTokenRefresh.
	SetOAuthBearerToken(oauthBearerToken OAuthBearerToken) error
	// SetOAuthBearerTokenFailure says that no token could be had.
	SetOAuthBearerTokenFailure(errstr string) error
	// IsClosed says whether the client was closed.
	IsClosed() bool

	gethandle() *handle
	verifyClient() error
}

// handle is what all clients have in common.
type handle struct {
	core   coreClient
	name   string
	closed atomic.Bool
	logs   *logPump
	// Of an AdminClient that was made from another client.
	parent *handle
}

// openHandle opens a client and, where wanted, its logs. The go.* keys of this package are out of the map already.
func openHandle(kind uint32, settings ConfigMap, logs logSettings) (*handle, error) {
	if logs.wanted() {
		settings["go.logs.channel.enable"] = true
	}
	conf, err := settings.toCore(kind)
	if err != nil {
		return nil, err
	}
	defer conf.free()
	core, err := openCore(conf)
	if err != nil {
		return nil, err
	}
	h := &handle{core: core}
	if h.name, err = core.name(); err == nil && logs.wanted() {
		h.logs, err = startLogs(h, logs)
	}
	if err != nil {
		core.close(0)
		return nil, err
	}
	return h, nil
}

func (h *handle) gethandle() *handle { return h }

func (h *handle) verifyClient() error {
	if h == nil || h.IsClosed() {
		return closedError()
	}
	return nil
}

// IsClosed says whether the client was closed.
func (h *handle) IsClosed() bool { return h.closed.Load() || h.parent != nil && h.parent.IsClosed() }

// milliseconds for the core: negative is for ever, and what is not a whole millisecond is rounded up.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	return int((timeout + time.Millisecond - 1) / time.Millisecond)
}

// msDuration is negative, for ever, where the original client takes negative milliseconds.
func msDuration(timeoutMs int) time.Duration {
	if timeoutMs < 0 {
		return -1
	}
	return time.Duration(timeoutMs) * time.Millisecond
}
