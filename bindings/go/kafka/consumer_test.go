package kafka

import (
	"fmt"
	"testing"
)

func TestAConsumerReadsWhatAProducerSent(t *testing.T) {
	topic := fresh("topic")
	produce(t, topic, numbers(0, 1000)...)
	c := newConsumer(t, nil)
	check(t, c.Subscribe(topic, nil))
	for i := 0; i < 1000; i++ {
		m := must(c.ReadMessage(patient))(t)
		if string(m.Value) != fmt.Sprint(i) || int(m.TopicPartition.Offset) != i || *m.TopicPartition.Topic != topic {
			t.Fatalf("message %d is %v: %q", i, m, m.Value)
		}
	}
	check(t, c.Close())
}
