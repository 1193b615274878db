package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestMetadataNamesBrokersTopicsAndPartitions(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, "x")
	p := newProducer(t, nil)
	for _, all := range []bool{false, true} {
		name := &topic
		if all {
			name = nil
		}
		m := must(p.GetMetadata(name, all, 10000))(t)
		of := m.Topics[topic]
		if len(m.Brokers) == 0 || m.Brokers[0].Host == "" || m.Brokers[0].Port == 0 || of.Topic != topic || len(of.Partitions) == 0 {
			t.Fatalf("%+v", m)
		}
		if of.Error.Code() != ErrNoError || len(of.Partitions[0].Replicas) != 1 || of.Partitions[0].Leader != m.Brokers[0].ID {
			t.Fatalf("%+v", of)
		}
	}
}

func TestWatermarksAndTimesBecomeOffsets(t *testing.T) {
	topic := fresh("topic")
	before := time.Now().Add(-time.Hour).UnixMilli()
	produce(t, topic, numbers(0, 10)...)
	c := assigned(t, topic, nil)
	low, high, err := c.QueryWatermarkOffsets(topic, 0, 10000)
	if err != nil || low != 0 || high != 10 {
		t.Error(low, high, err)
	}
	if low, high, err := c.GetWatermarkOffsets(topic, 3); err != nil || low != -1001 || high != -1001 {
		t.Error(low, high, err)
	}
	for i := 0; i < 10; i++ {
		checkNumber(t, pollMessage(t, c), topic, i)
	}
	if low, high, err := c.GetWatermarkOffsets(topic, 0); err != nil || high != 10 {
		t.Error(low, high, err)
	}
	offsets := must(c.OffsetsForTimes(ofPartition(topic, 0, Offset(before)), 10000))(t)
	if !onMock() && offsets[0].Offset != 0 {
		t.Error(offsets)
	}
}

func TestAssignmentAndSubscriptionAreToldBack(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, "0")
	c := newConsumer(t, nil)
	if protocol := c.GetRebalanceProtocol(); protocol != "NONE" {
		t.Error(protocol)
	}
	check(t, c.SubscribeTopics([]string{topic, "^" + fresh("none") + ".*"}, nil))
	checkNumber(t, pollMessage(t, c), topic, 0)
	if topics := must(c.Subscription())(t); len(topics) != 2 {
		t.Error(topics)
	}
	all := must(c.Assignment())(t)
	if zero := partitionZero(t, all); *zero.Topic != topic {
		t.Error(all)
	}
	if protocol := c.GetRebalanceProtocol(); protocol != "EAGER" {
		t.Error(protocol)
	}
	if c.AssignmentLost() {
		t.Error("lost")
	}
	// The same again changes nothing.
	check(t, c.SubscribeTopics([]string{topic}, nil))
}

func TestPartitionsAreAddedAndRemoved(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 5)...)
	c := newConsumer(t, ConfigMap{"enable.auto.commit": false})
	check(t, c.IncrementalAssign(ofPartition(topic, 0, 2)))
	checkNumber(t, pollMessage(t, c), topic, 2)
	check(t, c.IncrementalAssign(ofPartition(topic, 1, 0)))
	if all := must(c.Assignment())(t); len(all) != 2 {
		t.Error(all)
	}
	check(t, c.IncrementalUnassign(ofPartition(topic, 0, 0)))
	if all := must(c.Assignment())(t); len(all) != 1 || all[0].Partition != 1 {
		t.Error(all)
	}
	check(t, c.Unassign())
}

// committedValues reads with isolation.level read_committed up to the end.
func committedValues(t *testing.T, topic string) (values []string) {
	t.Helper()
	c := assigned(t, topic, ConfigMap{"isolation.level": "read_committed", "enable.partition.eof": true})
	for {
		switch e := pollSomething(t, c).(type) {
		case *Message:
			values = append(values, string(e.Value))
		case PartitionEOF:
			return values
		}
	}
}

func TestTransactionsAreAllOrNothing(t *testing.T) {
	from, to, group := fresh("topic"), fresh("topic"), fresh("group")
	produce(t, from, numbers(0, 10)...)
	p := newProducer(t, ConfigMap{"transactional.id": fresh("transaction")})
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	err := p.InitTransactions(ctx)
	for err != nil && err.(Error).IsRetriable() && ctx.Err() == nil {
		err = p.InitTransactions(ctx)
	}
	check(t, err)
	c := newConsumer(t, ConfigMap{"group.id": group, "enable.auto.commit": false})
	check(t, c.Subscribe(from, nil))
	transfer := func(count int) {
		check(t, p.BeginTransaction())
		var last *Message
		for i := 0; i < count; i++ {
			last = pollMessage(t, c)
			m := message(to, string(last.Value))
			m.TopicPartition.Partition = 0
			p.ProduceChannel() <- m
		}
		metadata := must(c.GetConsumerGroupMetadata())(t)
		check(t, p.SendOffsetsToTransaction(ctx, []TopicPartition{after(last)}, metadata))
	}
	transfer(4)
	check(t, p.CommitTransaction(ctx))
	transfer(3)
	check(t, p.AbortTransaction(nil))
	if got := groupIsAt(t, group, from); got != 4 && !onMock() {
		t.Errorf("the group is at %d", got)
	}
	check(t, c.Seek(ofPartition(from, 0, 4)[0], 0))
	transfer(6)
	check(t, p.CommitTransaction(nil))
	if values := committedValues(t, to); fmt.Sprint(values) != fmt.Sprint(numbers(0, 10)) && !onMock() {
		// The mock shows what was aborted.
		t.Errorf("%v", values)
	}
}

func TestATransactionNeedsItsId(t *testing.T) {
	p := newProducer(t, nil)
	for what, err := range map[string]error{"init": p.InitTransactions(nil), "begin": p.BeginTransaction(),
		"commit": p.CommitTransaction(nil), "abort": p.AbortTransaction(context.Background())} {
		if failed, ok := err.(Error); !ok || failed.Code() == ErrNoError {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := p.SendOffsetsToTransaction(nil, nil, nil); err == nil {
		t.Error("no metadata")
	}
	must(NewTestConsumerGroupMetadata("group"))(t)
}

func TestATransactionCallEndsWithItsContext(t *testing.T) {
	p := newProducer(t, unreachable(ConfigMap{"transactional.id": fresh("transaction")}))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	err := p.InitTransactions(ctx)
	if failed, ok := err.(Error); !ok || !failed.IsRetriable() || failed.Code() != ErrTimedOut {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := p.InitTransactions(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
