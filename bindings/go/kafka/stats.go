//go:build cgo

package kafka

import "encoding/json"

// Stats is what a client reports every statistics.interval.ms.
type Stats struct {
	statsJSON string
}

// String is the JSON text, as librdkafka documents it in STATISTICS.md.
func (e Stats) String() string { return e.statsJSON }

// Parse reads the text into a struct with what monitoring needs most.
func (e Stats) Parse() (*Statistics, error) {
	var s Statistics
	if err := json.Unmarshal([]byte(e.statsJSON), &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Statistics of a client. Counters grow from the start of the client on; times are in microseconds unless the name says
// otherwise.
type Statistics struct {
	Name       string `json:"name"`
	ClientID   string `json:"client_id"`
	Type       string `json:"type"`
	Timestamp  int64  `json:"ts"`   // of a monotonic clock
	Time       int64  `json:"time"` // seconds since the epoch
	Age        int64  `json:"age"`
	Operations int64  `json:"replyq"` // that wait to be polled

	Messages        int64 `json:"msg_cnt"` // in producer queues
	MessageBytes    int64 `json:"msg_size"`
	MessagesMax     int64 `json:"msg_max"`
	MessageBytesMax int64 `json:"msg_size_max"`

	Requests             int64 `json:"tx"`
	RequestBytes         int64 `json:"tx_bytes"`
	Responses            int64 `json:"rx"`
	ResponseBytes        int64 `json:"rx_bytes"`
	MessagesSent         int64 `json:"txmsgs"`
	MessageBytesSent     int64 `json:"txmsg_bytes"`
	MessagesReceived     int64 `json:"rxmsgs"`
	MessageBytesReceived int64 `json:"rxmsg_bytes"`

	Brokers map[string]BrokerStatistics `json:"brokers"`
	Topics  map[string]TopicStatistics  `json:"topics"`
	Group   *GroupStatistics            `json:"cgrp"` // nil for a producer
}

// BrokerStatistics is about one connection.
type BrokerStatistics struct {
	Name            string `json:"name"`
	NodeID          int32  `json:"nodeid"`
	State           string `json:"state"` // UP when it is
	StateAge        int64  `json:"stateage"`
	WaitingRequests int64  `json:"outbuf_cnt"`
	WaitingMessages int64  `json:"outbuf_msg_cnt"`
	InFlight        int64  `json:"waitresp_cnt"`
	RequestErrors   int64  `json:"txerrs"`
	Retries         int64  `json:"txretries"`
	Timeouts        int64  `json:"req_timeouts"`
	ResponseErrors  int64  `json:"rxerrs"`
	Connects        int64  `json:"connects"`
	Disconnects     int64  `json:"disconnects"`

	RoundTrip WindowStatistics `json:"rtt"`
	Throttle  WindowStatistics `json:"throttle"` // milliseconds
}

// WindowStatistics is the distribution of a value since the statistics before.
type WindowStatistics struct {
	Min    int64 `json:"min"`
	Max    int64 `json:"max"`
	Avg    int64 `json:"avg"`
	Sum    int64 `json:"sum"`
	Count  int64 `json:"cnt"`
	StdDev int64 `json:"stddev"`
	P50    int64 `json:"p50"`
	P75    int64 `json:"p75"`
	P90    int64 `json:"p90"`
	P95    int64 `json:"p95"`
	P99    int64 `json:"p99"`
	P9999  int64 `json:"p99_99"`
}

// TopicStatistics is about one topic.
type TopicStatistics struct {
	Topic      string                         `json:"topic"`
	BatchSize  WindowStatistics               `json:"batchsize"`
	BatchCount WindowStatistics               `json:"batchcnt"`
	Partitions map[string]PartitionStatistics `json:"partitions"` // "-1" is for what has no partition yet
}

// PartitionStatistics is about one partition.
type PartitionStatistics struct {
	Partition        int32  `json:"partition"`
	Leader           int32  `json:"leader"`
	Waiting          int64  `json:"msgq_cnt"`
	WaitingBytes     int64  `json:"msgq_bytes"`
	Fetched          int64  `json:"fetchq_cnt"`
	FetchedBytes     int64  `json:"fetchq_size"`
	FetchState       string `json:"fetch_state"`
	NextOffset       int64  `json:"next_offset"`
	CommittedOffset  int64  `json:"committed_offset"`
	LowWatermark     int64  `json:"lo_offset"`
	HighWatermark    int64  `json:"hi_offset"`
	LastStableOffset int64  `json:"ls_offset"`
	Lag              int64  `json:"consumer_lag"` // -1 if not known
	MessagesSent     int64  `json:"txmsgs"`
	BytesSent        int64  `json:"txbytes"`
	MessagesReceived int64  `json:"rxmsgs"`
	BytesReceived    int64  `json:"rxbytes"`
}

// GroupStatistics is about the consumer group.
type GroupStatistics struct {
	State           string `json:"state"`
	StateAge        int64  `json:"stateage"` // milliseconds
	JoinState       string `json:"join_state"`
	RebalanceAge    int64  `json:"rebalance_age"` // milliseconds
	Rebalances      int64  `json:"rebalance_cnt"`
	RebalanceReason string `json:"rebalance_reason"`
	Assigned        int64  `json:"assignment_size"`
}
