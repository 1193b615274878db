//go:build cgo

package kafka

import "time"

// MockCluster is a Kafka cluster inside the process, for tests: librdkafka's. It makes topics by itself, keeps 5 MiB of
// each partition, and does not keep Kafka's promises on transactions.
type MockCluster struct {
	core coreMock
}

// NewMockCluster starts a cluster. Close it when done.
func NewMockCluster(brokerCount int) (*MockCluster, error) {
	core, err := openMock(brokerCount)
	if err != nil {
		return nil, err
	}
	return &MockCluster{core}, nil
}

// BootstrapServers is the value for bootstrap.servers; empty after Close.
func (m *MockCluster) BootstrapServers() string {
	servers, _ := m.core.bootstrap()
	return servers
}

// CreateTopic makes a topic.
func (m *MockCluster) CreateTopic(topic string, partitions, replicationFactor int) error {
	return m.core.createTopic(topic, partitions, replicationFactor)
}

// SetRoundtripDuration delays the answers of a broker.
func (m *MockCluster) SetRoundtripDuration(brokerID int, duration time.Duration) error {
	return m.core.setBrokerDelay(brokerID, milliseconds(duration))
}

// SetBrokerDown takes a broker away, as if it had died. Brokers are numbered from 1.
func (m *MockCluster) SetBrokerDown(brokerID int) error { return m.core.setBrokerUp(brokerID, false) }

// SetBrokerUp brings a broker back, with what it kept.
func (m *MockCluster) SetBrokerUp(brokerID int) error { return m.core.setBrokerUp(brokerID, true) }

// Close stops the cluster. What it kept is gone.
func (m *MockCluster) Close() { m.core.close() }
