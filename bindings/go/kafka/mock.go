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
	return notYet("SetRoundtripDuration")
}

// SetBrokerDown takes a broker away.
func (m *MockCluster) SetBrokerDown(brokerID int) error { return notYet("SetBrokerDown") }

// SetBrokerUp brings a broker back.
func (m *MockCluster) SetBrokerUp(brokerID int) error { return notYet("SetBrokerUp") }

// Close stops the cluster. What it kept is gone.
func (m *MockCluster) Close() { m.core.close() }
