package kafka

import (
	"testing"
	"time"
)

func TestABrokerOfTheMockMayGoAndComeBack(t *testing.T) {
	mock := must(NewMockCluster(1))(t)
	defer mock.Close()
	p := newProducer(t, ConfigMap{"bootstrap.servers": mock.BootstrapServers(), "reconnect.backoff.max.ms": 100})
	reports := make(chan Event, 1)
	send := func() {
		t.Helper()
		check(t, p.Produce(message("faults", "x"), reports))
	}
	send()
	checkReport(t, <-reports)

	check(t, mock.SetBrokerDown(1))
	send()
	if left := p.Flush(300); left != 1 {
		t.Errorf("%d messages without a result, and no broker", left)
	}
	check(t, mock.SetBrokerUp(1))
	checkReport(t, <-reports)

	check(t, mock.SetRoundtripDuration(1, 300*time.Millisecond))
	start := time.Now()
	send()
	checkReport(t, <-reports)
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("an answer after %v", took)
	}
	if err := mock.SetBrokerDown(2); err == nil {
		t.Error("there is no broker 2")
	}
}

func checkReport(t *testing.T, event Event) {
	t.Helper()
	if m, ok := event.(*Message); !ok || m.TopicPartition.Error != nil {
		t.Errorf("%v", event)
	}
}

func TestAFatalErrorCanBeTriedOut(t *testing.T) {
	p := newProducer(t, ConfigMap{"enable.idempotence": true})
	if code := p.TestFatalError(ErrOutOfOrderSequenceNumber, "a trial"); code != ErrNoError {
		t.Error(code)
	}
	if code := p.TestFatalError(ErrOutOfOrderSequenceNumber, "another"); code != ErrPrevInProgress {
		t.Error(code)
	}
	failed, ok := p.GetFatalError().(Error)
	if !ok || !failed.IsFatal() || failed.Code() != ErrOutOfOrderSequenceNumber {
		t.Errorf("%v", failed)
	}
	if err := p.Produce(message("fatal", "x"), nil); err == nil {
		t.Error("it goes on")
	}
	p.Close()
	if code := p.TestFatalError(ErrOutOfOrderSequenceNumber, "closed"); code != ErrState {
		t.Error(code)
	}
}
