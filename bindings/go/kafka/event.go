//go:build cgo

package kafka

import "fmt"

// Event is what a client reports: *Message, *Stats, Error, AssignedPartitions, RevokedPartitions, PartitionEOF,
// OffsetsCommitted or OAuthBearerTokenRefresh.
type Event interface {
	String() string
}

// AssignedPartitions says that the group gives partitions to the consumer.
type AssignedPartitions struct {
	Partitions []TopicPartition
}

func (e AssignedPartitions) String() string {
	return fmt.Sprintf("AssignedPartitions: %v", e.Partitions)
}

// RevokedPartitions says that the group takes partitions from the consumer.
type RevokedPartitions struct {
	Partitions []TopicPartition
}

func (e RevokedPartitions) String() string { return fmt.Sprintf("RevokedPartitions: %v", e.Partitions) }

// PartitionEOF says that the end of a partition was reached (enable.partition.eof).
type PartitionEOF TopicPartition

func (e PartitionEOF) String() string { return "EOF at " + TopicPartition(e).String() }

// OffsetsCommitted is the outcome of an automatic commit.
type OffsetsCommitted struct {
	Error   error
	Offsets []TopicPartition
}

func (e OffsetsCommitted) String() string {
	return fmt.Sprintf("OffsetsCommitted (%v, %v)", e.Error, e.Offsets)
}

// OAuthBearerTokenRefresh asks for a token: answer with SetOAuthBearerToken or SetOAuthBearerTokenFailure.
type OAuthBearerTokenRefresh struct {
	// Config is the value of sasl.oauthbearer.config.
	Config string
}

func (e OAuthBearerTokenRefresh) String() string { return "OAuthBearerTokenRefresh" }
