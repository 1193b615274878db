package buildtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const count = 500

// javaTools is the class path of Apache Kafka's tools, or empty. KRS_TEST_TOOLS is set by tests/go.rs.
func javaTools() string { return os.Getenv("KRS_TEST_TOOLS") }

// told are the lines of JSON of a verifiable client.
func told(t *testing.T, command *exec.Cmd) (lines []map[string]any) {
	t.Helper()
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		var line map[string]any
		if json.Unmarshal(scanner.Bytes(), &line) == nil {
			lines = append(lines, line)
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return lines
}

// within ends a client that hangs.
func within(program string, args ...string) *exec.Cmd {
	return exec.Command("timeout", append([]string{strconv.Itoa(int(patient.Seconds())), program}, args...)...)
}

func named(lines []map[string]any, name string) (some []map[string]any) {
	for _, line := range lines {
		if line["name"] == name {
			some = append(some, line)
		}
	}
	return some
}

func TestVerifiableClientsUnderstandThoseOfJava(t *testing.T) {
	dir := t.TempDir()
	run(t, goTool(module, environment(), "build", "-o", dir, "./kafkatest/..."))
	goClient := func(name string, args ...string) *exec.Cmd {
		return within(filepath.Join(dir, "go_verifiable_"+name), args...)
	}
	producers := map[string]func(args ...string) *exec.Cmd{
		"go": func(args ...string) *exec.Cmd { return goClient("producer", args...) },
	}
	consumers := map[string]func(args ...string) *exec.Cmd{
		"go": func(args ...string) *exec.Cmd { return goClient("consumer", args...) },
	}
	if javaTools() != "" {
		producers["java"] = func(args ...string) *exec.Cmd {
			return within("java", append([]string{"-cp", javaTools(), "org.apache.kafka.tools.VerifiableProducer"}, args...)...)
		}
		consumers["java"] = func(args ...string) *exec.Cmd {
			return within("java", append([]string{"-cp", javaTools(), "org.apache.kafka.tools.VerifiableConsumer"}, args...)...)
		}
	}
	for from, producer := range producers {
		for to, consumer := range consumers {
			t.Run(from+" to "+to, func(t *testing.T) {
				topic := fresh("topic")
				sent := told(t, producer("--bootstrap-server", servers, "--topic", topic, "--max-messages", fmt.Sprint(count)))
				places := make(map[string]any)
				for _, line := range named(sent, "producer_send_success") {
					places[fmt.Sprint(line["topic"], line["partition"], line["offset"])] = line["value"]
				}
				data := named(sent, "tool_data")
				if len(places) != count || len(named(sent, "startup_complete")) != 1 || len(named(sent, "shutdown_complete")) != 1 ||
					len(data) != 1 || data[0]["sent"] != float64(count) || data[0]["acked"] != float64(count) {
					t.Fatalf("%d places, %v", len(places), data)
				}
				read := told(t, consumer("--bootstrap-server", servers, "--topic", topic, "--group-id", fresh("group"),
					"--max-messages", fmt.Sprint(count), "--verbose"))
				records := named(read, "record_data")
				for _, line := range records {
					place := fmt.Sprint(line["topic"], line["partition"], line["offset"])
					if places[place] != line["value"] {
						t.Fatalf("%s has %v, sent was %v", place, line["value"], places[place])
					}
					delete(places, place)
				}
				counted := 0.0
				for _, line := range named(read, "records_consumed") {
					counted += line["count"].(float64)
				}
				if len(records) != count || len(places) != 0 || counted != count {
					t.Errorf("%d records, %d missing, %v counted", len(records), len(places), counted)
				}
				for _, name := range []string{"startup_complete", "partitions_assigned", "offsets_committed", "partitions_revoked", "shutdown_complete"} {
					if len(named(read, name)) == 0 {
						t.Errorf("no %s", name)
					}
				}
				for _, line := range named(read, "offsets_committed") {
					if line["success"] != true {
						t.Errorf("%v", line)
					}
				}
			})
		}
	}
}
