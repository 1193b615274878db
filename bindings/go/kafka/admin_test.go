package kafka

import (
	"context"
	"testing"
	"time"
)

func TestTopicsAreMadeEnlargedAndDeleted(t *testing.T) {
	if onMock() {
		t.Skip("the mock can't")
	}
	own := must(NewAdminClient(&ConfigMap{"bootstrap.servers": servers}))(t)
	defer own.Close()
	p := newProducer(t, nil)
	c := newConsumer(t, nil)
	for _, a := range []*AdminClient{own, must(NewAdminClientFromProducer(p))(t), must(NewAdminClientFromConsumer(c))(t)} {
		topic := fresh("topic")
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		specifications := []TopicSpecification{{Topic: topic, NumPartitions: 2, ReplicationFactor: 1, Config: map[string]string{"retention.ms": "100000"}}}
		results := must(a.CreateTopics(ctx, specifications, SetAdminValidateOnly(true)))(t)
		succeeded(t, topic, results)
		succeeded(t, topic, must(a.CreateTopics(ctx, specifications, SetAdminOperationTimeout(time.Minute)))(t))
		results = must(a.CreateTopics(nil, specifications))(t)
		if results[0].Error.Code() != ErrTopicAlreadyExists {
			t.Error(results)
		}
		succeeded(t, topic, must(a.CreatePartitions(ctx, []PartitionsSpecification{{Topic: topic, IncreaseTo: 5}}))(t))
		// A broker hears of it a little later.
		for len(must(a.GetMetadata(&topic, false, 10000))(t).Topics[topic].Partitions) != 5 {
			if ctx.Err() != nil {
				t.Fatal("no five partitions")
			}
		}
		succeeded(t, topic, must(a.DeleteTopics(ctx, []string{topic}, SetAdminRequestTimeout(time.Minute)))(t))
		if _, err := a.CreateTopics(ctx, nil); err == nil {
			t.Error("no topics")
		}
		if id := must(a.ClusterID(ctx))(t); id == "" {
			t.Error("no cluster id")
		}
		must(a.ControllerID(nil))(t)
	}
}

func succeeded(t *testing.T, topic string, results []TopicResult) {
	t.Helper()
	if len(results) != 1 || results[0].Topic != topic || results[0].Error.Code() != ErrNoError || results[0].String() != topic {
		t.Fatal(results)
	}
}

func TestAnAdminClientOfAnotherEndsWithIt(t *testing.T) {
	p := newProducer(t, nil)
	a := must(NewAdminClientFromProducer(p))(t)
	if a.String() != "admin-"+p.String() {
		t.Error(a)
	}
	b := must(NewAdminClientFromProducer(p))(t)
	b.Close()
	if !b.IsClosed() || a.IsClosed() || p.IsClosed() {
		t.Error("one closed another")
	}
	p.Close()
	if !a.IsClosed() {
		t.Error("not closed")
	}
	for _, a := range []*AdminClient{a, b} {
		if _, err := a.ClusterID(context.Background()); err != closedError() {
			t.Error(err)
		}
	}
	if _, err := NewAdminClientFromProducer(p); err != closedError() {
		t.Error(err)
	}
}

func TestTheBrokersOfEachPartitionMayBeNamed(t *testing.T) {
	if onMock() {
		t.Skip("the mock cluster does not know admin requests")
	}
	a := must(NewAdminClient(&ConfigMap{"bootstrap.servers": servers}))(t)
	defer a.Close()
	ctx, name := context.Background(), fresh("placed")
	broker := must(a.ControllerID(ctx))(t)
	topic := TopicSpecification{Topic: name, NumPartitions: 3, ReplicaAssignment: [][]int32{{broker}, {broker}}}
	if _, err := a.CreateTopics(ctx, []TopicSpecification{topic}); err == nil {
		t.Error("2 assignments for 3 partitions")
	}
	topic.NumPartitions = 2
	if made := must(a.CreateTopics(ctx, []TopicSpecification{topic}))(t); made[0].Error.Code() != ErrNoError {
		t.Error(made[0].Error)
	}
	more := PartitionsSpecification{Topic: name, IncreaseTo: 3, ReplicaAssignment: [][]int32{{4242}}}
	if refused := must(a.CreatePartitions(ctx, []PartitionsSpecification{more}))(t); refused[0].Error.Code() != ErrInvalidReplicaAssignment {
		t.Error(refused[0].Error)
	}
	more.ReplicaAssignment[0][0] = broker
	if made := must(a.CreatePartitions(ctx, []PartitionsSpecification{more}))(t); made[0].Error.Code() != ErrNoError {
		t.Error(made[0].Error)
	}
}

func TestAnAdminCallEndsWithItsContext(t *testing.T) {
	a := must(NewAdminClient(&ConfigMap{"bootstrap.servers": "127.0.0.1:1"}))(t)
	defer a.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := a.DeleteTopics(ctx, []string{"x"}); err != context.Canceled {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.DeleteTopics(ctx, []string{"x"}); err != context.DeadlineExceeded {
		t.Error(err)
	}
}
