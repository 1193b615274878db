package buildtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func examples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, goTool(module, environment(), "build", "-o", dir, "./examples/..."))
	return dir
}

// send has an example send a line so many times.
func send(t *testing.T, program, topic, line string, count int) {
	t.Helper()
	producer := exec.Command(program, servers, topic)
	producer.Stdin = strings.NewReader(strings.Repeat(line+"\n", count))
	if output := run(t, producer); strings.Count(output, "delivered to "+topic) != count {
		t.Fatalf("%v: %s", producer, output)
	}
}

func TestExamplesReadWhatExamplesSent(t *testing.T) {
	dir := examples(t)
	for _, pair := range [][2]string{{"producer_example", "consumer_example"}, {"producer_channel_example", "consumer_channel_example"},
		{"producer_channel_example", "batch_example"}} {
		topic := fresh("topic")
		send(t, filepath.Join(dir, pair[0]), topic, "line", 100)
		readBack(t, filepath.Join(dir, pair[1]), nil, topic, 100)
	}
}

func TestTheTransactionsExampleSendsOnEachMessageOnce(t *testing.T) {
	if os.Getenv("KRS_TEST_BROKERS") == "" {
		t.Skip("the mock cluster does not keep Kafka's promises on transactions")
	}
	dir, from, to := examples(t), fresh("from"), fresh("to")
	var text string
	for i, line := range []string{"before", "after"} {
		send(t, filepath.Join(dir, "producer_example"), from, line, 20)
		// A second run goes on where the first one ended.
		example := exec.Command(filepath.Join(dir, "transactions_example"), servers, from+"-group", from, to)
		if err := example.Start(); err != nil {
			t.Fatal(err)
		}
		text = runUntil(t, nil, to, 20*(i+1), filepath.Join(dir, "consumer_example"), fresh("group"), to)
		example.Process.Signal(os.Interrupt)
		if err := example.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(text, "BEFORE") != 20 || strings.Count(text, "AFTER") != 20 {
		t.Error(text)
	}
}

func TestTheRebalanceExampleGoesOnWhereItEnded(t *testing.T) {
	dir, topic, group, offsets := examples(t), fresh("topic"), fresh("group"), t.TempDir()
	for _, line := range []string{"first", "second"} {
		send(t, filepath.Join(dir, "producer_example"), topic, line, 20)
		text := runUntil(t, nil, topic, 20, filepath.Join(dir, "rebalance_example"), group, topic, offsets)
		if strings.Count(text, line) != 20 {
			t.Error(text)
		}
	}
}
