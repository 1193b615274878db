//go:build cgo

package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
)

// ConsumerGroupMetadata is what SendOffsetsToTransaction needs to know of a consumer's group. Ask for it anew in every
// transaction: it changes with each rebalance.
type ConsumerGroupMetadata struct {
	serialized []byte
}

// GetConsumerGroupMetadata is for SendOffsetsToTransaction.
func (c *Consumer) GetConsumerGroupMetadata() (*ConsumerGroupMetadata, error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	serialized, err := c.core.groupMetadata()
	if err != nil {
		return nil, err
	}
	return &ConsumerGroupMetadata{serialized}, nil
}

// NewTestConsumerGroupMetadata is the metadata of a consumer that has not joined its group, for tests.
func NewTestConsumerGroupMetadata(groupID string) (*ConsumerGroupMetadata, error) {
	const noGeneration = ^uint32(0)
	serialized := binary.NativeEndian.AppendUint32([]byte("CGMDv2:"), noGeneration)
	serialized = append(append(serialized, groupID...), 0)
	// No member id, and no group instance id.
	return &ConsumerGroupMetadata{append(serialized, 0, 1)}, nil
}

// Transactions are looked after in slices of this, since the core can't be woken.
const transactionSlice = 50 * time.Millisecond

// InitTransactions prepares a producer with a transactional.id for transactions, once, before the first message.
//
// The errors of this and the following methods: with IsRetriable call it again, with TxnRequiresAbort abort the transaction,
// with IsFatal close the producer. When the deadline of ctx passes the error is ErrTimedOut with IsRetriable, and when ctx is
// cancelled its error; the operation goes on meanwhile, and the next call takes it up. nil is no deadline.
func (p *Producer) InitTransactions(ctx context.Context) error {
	return p.transaction(ctx, p.core.initTransactions)
}

// BeginTransaction begins a transaction, to which all messages sent from now on belong.
func (p *Producer) BeginTransaction() error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	return p.core.beginTransaction()
}

// SendOffsetsToTransaction makes offsets of a consumer part of the transaction: where to go on, the last offset plus one. The
// consumer must not commit them itself (enable.auto.commit=false). It ends by the deadline of ctx, and not when ctx is cancelled.
func (p *Producer) SendOffsetsToTransaction(ctx context.Context, offsets []TopicPartition,
	consumerMetadata *ConsumerGroupMetadata) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	if consumerMetadata == nil {
		return NewError(ErrInvalidArg, "SendOffsetsToTransaction needs the metadata of a consumer group", false)
	}
	timeout := -1
	if ctx != nil {
		if deadline, ok := ctx.Deadline(); ok {
			timeout = milliseconds(max(time.Until(deadline), 0))
		}
	}
	return p.core.sendOffsets(offsets, consumerMetadata.serialized, timeout)
}

// CommitTransaction commits the transaction, once all of its messages have a result. Nobody needs to read reports meanwhile.
// What waits in ProduceChannel is sent first.
func (p *Producer) CommitTransaction(ctx context.Context) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	select {
	case <-p.channel.whenEmpty():
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return newCoreError(int(ErrTimedOut), errorRetriable, "")
	}
	return p.transaction(ctx, p.core.commitTransaction)
}

// AbortTransaction takes the transaction back. Its messages that were not sent yet are reported with ErrPurgeQueue.
func (p *Producer) AbortTransaction(ctx context.Context) error {
	return p.transaction(ctx, p.core.abortTransaction)
}

// transaction makes a call that can be taken up again, until ctx ends.
func (p *Producer) transaction(ctx context.Context, call func(timeoutMs int) error) error {
	if err := p.verifyClient(); err != nil {
		return err
	}
	if ctx == nil || ctx.Done() == nil {
		return call(-1)
	}
	for {
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		slice, last := transactionSlice, false
		if deadline, ok := ctx.Deadline(); ok {
			left := max(time.Until(deadline), 0)
			slice, last = min(slice, left), left <= slice
		}
		err := call(milliseconds(slice))
		failed, ok := err.(Error)
		if !ok || failed.code != ErrTimedOut || !failed.retriable || last {
			return err
		}
	}
}
