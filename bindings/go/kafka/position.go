//go:build cgo

package kafka

// seekTimeout bounds the wait for a partition that has just been assigned. The seek is done in any case.
const seekTimeoutMs = 1000

// forEver is how long a commit waits for its outcome.
const forEver = -1

// Pause stops fetching partitions. When it returned, no message of theirs comes; what was fetched comes after Resume.
func (c *Consumer) Pause(partitions []TopicPartition) (err error) {
	if err := c.verifyClient(); err != nil {
		return err
	}
	c.settle(func() { _, err = c.core.pause(partitions) })
	return err
}

// Resume goes on fetching partitions.
func (c *Consumer) Resume(partitions []TopicPartition) (err error) {
	if err := c.verifyClient(); err != nil {
		return err
	}
	c.settle(func() { _, err = c.core.resume(partitions) })
	return err
}

// Seek goes on at partition.Offset. When it returned, no message from before comes.
func (c *Consumer) Seek(partition TopicPartition, ignoredTimeoutMs int) error {
	answer, err := c.SeekPartitions([]TopicPartition{partition})
	if err != nil {
		return err
	}
	return answer[0].Error
}

// SeekPartitions is Seek for several partitions, each of which has its own Error.
func (c *Consumer) SeekPartitions(partitions []TopicPartition) ([]TopicPartition, error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	if len(partitions) == 0 {
		return nil, NewError(ErrInvalidArg, "partitions must be specified", false)
	}
	var answer []TopicPartition
	var err error
	c.settle(func() { answer, err = c.core.seek(partitions, seekTimeoutMs) })
	return answer, err
}

// Position is where the application is: the offset after the last message that it was given.
func (c *Consumer) Position(partitions []TopicPartition) (offsets []TopicPartition, err error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	c.settle(func() { offsets, err = c.core.position(partitions) })
	return offsets, err
}

// Committed is what the group has committed; OffsetInvalid if nothing.
func (c *Consumer) Committed(partitions []TopicPartition, timeoutMs int) (offsets []TopicPartition, err error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	return c.core.committed(partitions, timeoutMs)
}

// Commit commits what was delivered, and waits for the outcome. ErrNoOffset: there is nothing new.
func (c *Consumer) Commit() ([]TopicPartition, error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	c.settle(func() {})
	return c.core.commit(forEver)
}

// CommitMessage commits the offset after the message, and waits for the outcome.
func (c *Consumer) CommitMessage(m *Message) ([]TopicPartition, error) {
	if m.TopicPartition.Error != nil {
		return nil, NewError(ErrInvalidArg, "Can't commit errored message", false)
	}
	return c.CommitOffsets([]TopicPartition{after(m)})
}

// CommitOffsets commits offsets, and waits for the outcome. An offset is where to go on: the last one plus one.
func (c *Consumer) CommitOffsets(offsets []TopicPartition) ([]TopicPartition, error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	return c.core.commitOffsets(offsets, forEver)
}

// after is where to go on after a message.
func after(m *Message) TopicPartition {
	p := m.TopicPartition
	p.Offset++
	return p
}

// StoreOffsets stores offsets for the next commit (enable.auto.offset.store=false). An offset is where to go on: the last one
// plus one.
func (c *Consumer) StoreOffsets(offsets []TopicPartition) (storedOffsets []TopicPartition, err error) {
	if err := c.verifyClient(); err != nil {
		return nil, err
	}
	return c.core.storeOffsets(offsets)
}

// StoreMessage stores the offset after the message.
func (c *Consumer) StoreMessage(m *Message) (storedOffsets []TopicPartition, err error) {
	switch p := m.TopicPartition; {
	case p.Error != nil:
		return nil, NewError(ErrInvalidArg, "Can't store errored message", false)
	case p.Offset < 0:
		return nil, NewError(ErrInvalidArg, "Can't store message with offset less than 0", false)
	case p.LeaderEpoch != nil && *p.LeaderEpoch < 0:
		return nil, NewError(ErrInvalidArg, "Can't store message with leader epoch less than 0", false)
	}
	return c.StoreOffsets([]TopicPartition{after(m)})
}

// GetWatermarkOffsets is what was seen last while fetching: the first offset of a partition, and the one after its last.
// OffsetInvalid: nothing yet.
func (c *Consumer) GetWatermarkOffsets(topic string, partition int32) (low, high int64, err error) {
	if err := c.verifyClient(); err != nil {
		return -1, -1, err
	}
	return c.core.watermarks(topic, partition, 0)
}
