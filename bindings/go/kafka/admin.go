//go:build cgo

package kafka

import (
	"context"
	"fmt"
	"time"
)

// AdminClient makes, enlarges and deletes topics, and asks about the cluster.
type AdminClient struct {
	*handle
	// Of a consumer or producer, which closes it.
	derived bool
}

// TopicSpecification is a topic to be made. 0 replicas or partitions: as the brokers are configured.
type TopicSpecification struct {
	Topic             string
	NumPartitions     int
	ReplicationFactor int
	// ReplicaAssignment names the brokers of each partition, as many for each; then ReplicationFactor is not needed.
	ReplicaAssignment [][]int32
	Config            map[string]string
}

// PartitionsSpecification says how many partitions a topic is to have.
type PartitionsSpecification struct {
	Topic      string
	IncreaseTo int
	// ReplicaAssignment names the brokers of each partition that is new, as many for each.
	ReplicaAssignment [][]int32
}

// TopicResult is what became of a topic. Error has the code ErrNoError on success.
type TopicResult struct {
	Topic string
	Error Error
}

func (t TopicResult) String() string {
	if t.Error.code == ErrNoError {
		return t.Topic
	}
	return fmt.Sprintf("%s (%s)", t.Topic, t.Error.str)
}

// Options of the methods of AdminClient.
type (
	// AdminOptionOperationTimeout: see SetAdminOperationTimeout.
	AdminOptionOperationTimeout struct{ timeout time.Duration }
	// AdminOptionRequestTimeout: see SetAdminRequestTimeout.
	AdminOptionRequestTimeout struct{ timeout time.Duration }
	// AdminOptionValidateOnly: see SetAdminValidateOnly.
	AdminOptionValidateOnly struct{ only bool }

	// AdminOption is any option.
	AdminOption interface{ apply(*adminOptions) }
	// CreateTopicsAdminOption is an option of CreateTopics.
	CreateTopicsAdminOption interface {
		AdminOption
		forCreateTopics()
	}
	// DeleteTopicsAdminOption is an option of DeleteTopics.
	DeleteTopicsAdminOption interface {
		AdminOption
		forDeleteTopics()
	}
	// CreatePartitionsAdminOption is an option of CreatePartitions.
	CreatePartitionsAdminOption interface {
		AdminOption
		forCreatePartitions()
	}
)

type adminOptions struct {
	timeout      time.Duration
	validateOnly bool
}

// SetAdminOperationTimeout bounds the time in which the cluster is to do what was asked for.
func SetAdminOperationTimeout(t time.Duration) (ao AdminOptionOperationTimeout) {
	return AdminOptionOperationTimeout{t}
}

// SetAdminRequestTimeout bounds the whole call; a minute without.
func SetAdminRequestTimeout(t time.Duration) (ao AdminOptionRequestTimeout) {
	return AdminOptionRequestTimeout{t}
}

// SetAdminValidateOnly has the call only find out whether it would be possible.
func SetAdminValidateOnly(validateOnly bool) (ao AdminOptionValidateOnly) {
	return AdminOptionValidateOnly{validateOnly}
}

// An operation is waited for as long as the call is.
func (AdminOptionOperationTimeout) apply(*adminOptions)  {}
func (AdminOptionOperationTimeout) forCreateTopics()     {}
func (AdminOptionOperationTimeout) forDeleteTopics()     {}
func (AdminOptionOperationTimeout) forCreatePartitions() {}

func (ao AdminOptionRequestTimeout) apply(o *adminOptions) { o.timeout = ao.timeout }
func (AdminOptionRequestTimeout) forCreateTopics()         {}
func (AdminOptionRequestTimeout) forDeleteTopics()         {}
func (AdminOptionRequestTimeout) forCreatePartitions()     {}

func (ao AdminOptionValidateOnly) apply(o *adminOptions) { o.validateOnly = ao.only }
func (AdminOptionValidateOnly) forCreateTopics()         {}
func (AdminOptionValidateOnly) forCreatePartitions()     {}

// NewAdminClient makes a client of its own. The map is not changed. Close the client when done.
func NewAdminClient(conf *ConfigMap) (*AdminClient, error) {
	if conf == nil {
		return nil, NewError(ErrInvalidArg, "NewAdminClient needs a ConfigMap", false)
	}
	settings := conf.clone()
	logs, err := extractLogs(settings)
	if err != nil {
		return nil, err
	}
	for key := range settings {
		if goKeysOfClients[key] {
			return nil, NewError(ErrInvalidArg, fmt.Sprintf("No such configuration property: %q", key), false)
		}
	}
	h, err := openHandle(kindProducer, settings, logs)
	if err != nil {
		return nil, err
	}
	return &AdminClient{handle: h}, nil
}

// goKeysOfClients are not for an AdminClient.
var goKeysOfClients = map[string]bool{
	"go.application.rebalance.enable": true, "go.batch.producer": true, "go.delivery.report.fields": true,
	"go.delivery.reports": true, "go.events.channel.enable": true, "go.events.channel.size": true,
	"go.produce.channel.size": true,
}

// NewAdminClientFromProducer uses the producer, and ends with it.
func NewAdminClientFromProducer(p *Producer) (a *AdminClient, err error) { return newDerivedAdmin(p) }

// NewAdminClientFromConsumer uses the consumer, and ends with it.
func NewAdminClientFromConsumer(c *Consumer) (a *AdminClient, err error) { return newDerivedAdmin(c) }

func newDerivedAdmin(from Handle) (*AdminClient, error) {
	if err := from.verifyClient(); err != nil {
		return nil, err
	}
	parent := from.gethandle()
	// Closed by itself, or with its parent.
	return &AdminClient{handle: &handle{core: parent.core, name: parent.name, parent: parent}, derived: true}, nil
}

// String is the name of the client.
func (a *AdminClient) String() string { return "admin-" + a.name }

// Logs is the channel of log lines, nil unless go.logs.channel.enable is set.
func (a *AdminClient) Logs() chan LogEvent { return a.logs.channel() }

// Close ends the client; a client that was made from another does not end that.
func (a *AdminClient) Close() {
	if !a.closed.CompareAndSwap(false, true) || a.derived {
		return
	}
	a.core.close(0)
	a.logs.close()
}

// admin makes a call within the time of the options and of ctx, which may be nil. The error of ctx is returned as it is.
func admin[T any](a *AdminClient, ctx context.Context, options *adminOptions, call func(timeoutMs int) (T, error)) (T, error) {
	var none T
	if err := a.verifyClient(); err != nil {
		return none, err
	}
	timeout := time.Duration(-1)
	if options.timeout > 0 {
		timeout = options.timeout
	}
	if ctx == nil || ctx.Done() == nil {
		return call(milliseconds(timeout))
	}
	bounded := false
	if deadline, ok := ctx.Deadline(); ok && (timeout < 0 || time.Until(deadline) < timeout) {
		timeout, bounded = max(time.Until(deadline), 0), true
	}
	type outcome struct {
		value T
		err   error
	}
	// The core can't be woken.
	done := make(chan outcome, 1)
	go func() {
		value, err := call(milliseconds(timeout))
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		if o.err != nil && ctx.Err() != nil {
			return none, ctx.Err()
		}
		// The core may be the first to see that the time of ctx is up.
		if failed, ok := o.err.(Error); ok && bounded && failed.code == ErrTimedOut {
			return none, context.DeadlineExceeded
		}
		return o.value, o.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// ClusterID asks for the id of the cluster.
func (a *AdminClient) ClusterID(ctx context.Context) (clusterID string, err error) {
	return admin(a, ctx, &adminOptions{}, a.core.clusterID)
}

// ControllerID asks for the id of the broker that controls the cluster.
func (a *AdminClient) ControllerID(ctx context.Context) (controllerID int32, err error) {
	return admin(a, ctx, &adminOptions{}, a.core.controllerID)
}

// CreateTopics makes topics. Each has its result; the call fails only as a whole.
func (a *AdminClient) CreateTopics(ctx context.Context, topics []TopicSpecification,
	options ...CreateTopicsAdminOption) (result []TopicResult, err error) {
	if len(topics) == 0 {
		return nil, NewError(ErrInvalidArg, "CreateTopics needs topics", false)
	}
	var list []newTopic
	for _, topic := range topics {
		of := newTopic{name: topic.Topic, partitions: orDefault(topic.NumPartitions),
			replication: orDefault(topic.ReplicationFactor)}
		if assigned := topic.ReplicaAssignment; len(assigned) > 0 && len(assigned) != topic.NumPartitions {
			return nil, NewError(ErrInvalidArg, "TopicSpecification.ReplicaAssignment must contain exactly NumPartitions partitions", false)
		}
		if err := of.assign(topic.ReplicaAssignment); err != nil {
			return nil, err
		}
		for key, value := range topic.Config {
			of.config = append(of.config, key, value)
		}
		list = append(list, of)
	}
	o := &adminOptions{}
	for _, option := range options {
		option.apply(o)
	}
	return admin(a, ctx, o, func(timeoutMs int) ([]TopicResult, error) {
		return a.core.createTopics(list, o.validateOnly, timeoutMs)
	})
}

// assign names the brokers of each partition.
func (t *newTopic) assign(partitions [][]int32) error {
	for _, brokers := range partitions {
		if len(brokers) != len(partitions[0]) || len(brokers) == 0 {
			return NewError(ErrInvalidArg, "ReplicaAssignment needs the same number of brokers for every partition of "+t.name, false)
		}
		t.replication = len(brokers)
		t.replicas = append(t.replicas, brokers...)
	}
	return nil
}

// orDefault is -1, as the brokers are configured, for a number that was not set.
func orDefault(number int) int {
	if number == 0 {
		return -1
	}
	return number
}

// DeleteTopics deletes topics. Each has its result; the call fails only as a whole.
func (a *AdminClient) DeleteTopics(ctx context.Context, topics []string,
	options ...DeleteTopicsAdminOption) (result []TopicResult, err error) {
	if len(topics) == 0 {
		return nil, NewError(ErrInvalidArg, "DeleteTopics needs topics", false)
	}
	o := &adminOptions{}
	for _, option := range options {
		option.apply(o)
	}
	return admin(a, ctx, o, func(timeoutMs int) ([]TopicResult, error) { return a.core.deleteTopics(topics, timeoutMs) })
}

// CreatePartitions gives topics more partitions. Each has its result; the call fails only as a whole.
func (a *AdminClient) CreatePartitions(ctx context.Context, partitions []PartitionsSpecification,
	options ...CreatePartitionsAdminOption) (result []TopicResult, err error) {
	if len(partitions) == 0 {
		return nil, NewError(ErrInvalidArg, "CreatePartitions needs topics", false)
	}
	var list []newTopic
	for _, topic := range partitions {
		of := newTopic{name: topic.Topic, partitions: topic.IncreaseTo, replication: -1}
		if err := of.assign(topic.ReplicaAssignment); err != nil {
			return nil, err
		}
		list = append(list, of)
	}
	o := &adminOptions{}
	for _, option := range options {
		option.apply(o)
	}
	return admin(a, ctx, o, func(timeoutMs int) ([]TopicResult, error) {
		return a.core.createPartitions(list, o.validateOnly, timeoutMs)
	})
}
