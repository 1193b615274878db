//go:build cgo

package kafka

import (
	"context"
	"time"
)

// RebalanceCb is called when the group gives partitions to a consumer (AssignedPartitions) or takes them away
// (RevokedPartitions): from the method that receives (Poll, ReadMessage, …), from Close, or from the goroutine behind
// Events. It may assign and commit. What it leaves unanswered is answered as usual. What it returns is ignored.
type RebalanceCb func(*Consumer, Event) error

// Subscribe is SubscribeTopics for one topic.
func (c *Consumer) Subscribe(topic string, rebalanceCb RebalanceCb) error {
	return c.SubscribeTopics([]string{topic}, rebalanceCb)
}

// SubscribeTopics subscribes to topics in place of those before; what stays assigned goes on undisturbed. A name that begins
// with ^ is a regular expression.
func (c *Consumer) SubscribeTopics(topics []string, rebalanceCb RebalanceCb) (err error) {
	if err := c.verifyClient(); err != nil {
		return err
	}
	c.mu.Lock()
	before := c.rebalanceCb
	c.rebalanceCb = rebalanceCb
	c.mu.Unlock()
	err = c.core.applicationRebalance(rebalanceCb != nil || c.rebalances || c.readsChannel)
	if err == nil {
		err = c.core.subscribe(topics)
	}
	if err != nil {
		c.mu.Lock()
		c.rebalanceCb = before
		c.mu.Unlock()
	}
	return err
}

// Unsubscribe leaves all topics.
func (c *Consumer) Unsubscribe() (err error) {
	if err := c.verifyClient(); err != nil {
		return err
	}
	return c.core.unsubscribe()
}

// Subscription is what the consumer is subscribed to.
func (c *Consumer) Subscription() (topics []string, err error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	return c.core.subscription()
}

// Assign assigns partitions in place of those before, also in answer to AssignedPartitions. Offset says where to begin:
// OffsetStored or OffsetInvalid is where the group committed.
func (c *Consumer) Assign(partitions []TopicPartition) (err error) {
	return c.assign(assignReplace, partitions)
}

// Unassign takes all partitions away, also in answer to RevokedPartitions.
func (c *Consumer) Unassign() (err error) { return c.assign(assignReplace, nil) }

// IncrementalAssign assigns partitions beside those before, as the cooperative protocol requires.
func (c *Consumer) IncrementalAssign(partitions []TopicPartition) (err error) {
	return c.assign(assignAdd, partitions)
}

// IncrementalUnassign takes some partitions away, as the cooperative protocol requires.
func (c *Consumer) IncrementalUnassign(partitions []TopicPartition) (err error) {
	return c.assign(assignRemove, partitions)
}

func (c *Consumer) assign(how uint32, partitions []TopicPartition) (err error) {
	if err := c.verifyClient(); err != nil {
		return err
	}
	c.settle(func() {
		err = c.core.assign(how, partitions)
		if err != nil {
			return
		}
		c.feed.rebalancing = false
		if c.reader != nil {
			c.reader.answered()
		}
	})
	return err
}

// Assignment is what is assigned now.
func (c *Consumer) Assignment() (partitions []TopicPartition, err error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	partitions, err = c.core.assignment()
	for i := range partitions {
		// Where the application is, Position says.
		partitions[i].Offset = OffsetInvalid
	}
	return partitions, err
}

// AssignmentLost says, while RevokedPartitions is dealt with, that others may have the partitions already: nothing can be
// committed for them.
func (c *Consumer) AssignmentLost() bool { return c.verifyClient() == nil && c.core.assignmentLost() }

// GetRebalanceProtocol is EAGER or COOPERATIVE, and NONE outside a group.
func (c *Consumer) GetRebalanceProtocol() string {
	if c.verifyClient() != nil {
		return ""
	}
	protocol, _ := c.core.rebalanceProtocol()
	return protocol
}

func isRebalance(event Event) bool {
	switch event.(type) {
	case AssignedPartitions, RevokedPartitions:
		return true
	}
	return false
}

// dealWith calls the callback, if there is one: it returns the event, or nil if nobody else needs it. What is not answered
// by the next receive, the core answers.
func (c *Consumer) dealWith(event Event) Event {
	c.mu.Lock()
	callback, running := c.rebalanceCb, c.inCallback
	c.mu.Unlock()
	if !running {
		if c.rebalances {
			return event
		}
		return nil
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inCallback, c.feed.rebalancing = false, false
		c.feed.giveBack(c.events)
	}()
	callback(c, event)
	return nil
}

// leaveWithCallback has the callback called with what is assigned before the consumer closes.
func (c *Consumer) leaveWithCallback(timeoutMs int) {
	c.mu.Lock()
	callback := c.rebalanceCb
	c.mu.Unlock()
	if callback == nil {
		return
	}
	assigned, _ := c.core.assignment()
	subscribed, _ := c.core.subscription()
	if len(assigned) == 0 || len(subscribed) == 0 {
		return
	}
	if c.keepsPlace {
		// It does not leave, so nothing is revoked; the callback is called all the same.
		callback(c, RevokedPartitions{Partitions: assigned})
		return
	}
	if c.core.unsubscribe() != nil {
		return
	}
	timeout := msDuration(timeoutMs) / 2
	if timeoutMs < 0 {
		timeout = closeTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for ctx.Err() == nil && !c.tryRevoke() {
		// Messages that wait keep the descriptor readable, so that there is nothing to wait for.
		time.Sleep(time.Millisecond)
	}
}

// tryRevoke calls the callback if the revoke has come. Messages are not taken.
func (c *Consumer) tryRevoke() bool {
	c.mu.Lock()
	if c.feed.receive(c.events, pollRows) != 0 || !c.feed.tellsOfRebalance() {
		c.feed.giveBack(c.events)
		c.mu.Unlock()
		return false
	}
	for {
		event, m := c.feed.take()
		if m != nil || event == nil {
			c.mu.Unlock()
			return true
		}
		if isRebalance(event) {
			c.inCallback = true
			c.mu.Unlock()
			c.dealWith(event)
			_, revoked := event.(RevokedPartitions)
			return revoked
		}
	}
}
