package buildtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kafka_rs/bindings/go/kafka"
)

const patient = 120 * time.Second

// servers is the cluster of KRS_TEST_BROKERS, or a mock.
var servers string

// module is the directory of the Go module.
var module, _ = filepath.Abs("..")

func TestMain(m *testing.M) {
	if servers = os.Getenv("KRS_TEST_BROKERS"); servers == "" {
		mock, err := kafka.NewMockCluster(1)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		servers = mock.BootstrapServers()
	}
	os.Exit(m.Run())
}

func fresh(what string) string { return fmt.Sprintf("build-%s-%d", what, time.Now().UnixNano()) }

// run is a command's output, errors included, which must succeed.
func run(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	output, err := runs(command)
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, output)
	}
	return output
}

func runs(command *exec.Cmd) (string, error) {
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	return output.String(), err
}

// environment is that of a user who has set nothing but what is given.
func environment(more ...string) (all []string) {
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		switch {
		case strings.HasPrefix(name, "CGO_"), strings.HasPrefix(name, "PKG_CONFIG"), name == "LD_LIBRARY_PATH", name == "GOFLAGS":
		default:
			all = append(all, setting)
		}
	}
	return append(append(all, "GOPROXY=off"), more...)
}

func goTool(dir string, env []string, args ...string) *exec.Cmd {
	command := exec.Command("go", args...)
	command.Dir, command.Env = dir, env
	return command
}

// build builds the two examples that the tests run, and returns where they are.
func build(t *testing.T, env []string, tags string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, goTool(module, env, "build", "-tags", tags, "-o", dir, "./examples/producer_example", "./examples/batch_example"))
	return dir
}

func ldd(t *testing.T, program string) string {
	t.Helper()
	// Its status is an error for a program that is not dynamic.
	output, _ := runs(exec.Command("ldd", program))
	return output
}

// works has the examples send and read messages.
func works(t *testing.T, dir string, env []string) {
	t.Helper()
	topic := fresh("topic")
	producer := exec.Command(filepath.Join(dir, "producer_example"), servers, topic)
	producer.Env, producer.Stdin = env, strings.NewReader("one\ntwo\nthree\n")
	if output := run(t, producer); strings.Count(output, "delivered to "+topic) != 3 {
		t.Fatal(output)
	}
	readBack(t, filepath.Join(dir, "batch_example"), env, topic, 3)
}

// readBack runs a consumer until it has printed so many lines about the topic.
func readBack(t *testing.T, program string, env []string, topic string, count int) {
	t.Helper()
	runUntil(t, env, topic, count, program, fresh("group"), topic)
}

// runUntil runs a program until it has printed something so many times, ends it with Ctrl-C, and returns what it printed.
func runUntil(t *testing.T, env []string, what string, count int, program string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	consumer := exec.CommandContext(ctx, program, append([]string{servers}, arguments...)...)
	consumer.Env = env
	out, err := consumer.StdoutPipe()
	if err == nil {
		err = consumer.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for buffer := make([]byte, 4096); strings.Count(string(text), what) < count; {
		n, err := out.Read(buffer)
		text = append(text, buffer[:n]...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", consumer, err, text)
		}
	}
	consumer.Process.Signal(os.Interrupt)
	if err := consumer.Wait(); err != nil {
		t.Fatalf("%v: %v", consumer, err)
	}
	return string(text)
}

func TestAPlainBuildNeedsNothingButMake(t *testing.T) {
	env := environment()
	dir := build(t, env, "")
	if needs := ldd(t, filepath.Join(dir, "producer_example")); strings.Contains(needs, "kafka") {
		t.Error(needs)
	}
	works(t, dir, env)
}

// Go's cache looks neither at the library nor at a header's text that compiles to nothing.
func TestAProgramHoldsTheStampOfItsLibrary(t *testing.T) {
	header, err := os.ReadFile(filepath.Join(module, "kafka", "built.h"))
	if err != nil {
		t.Fatal(err)
	}
	_, stamp, _ := strings.Cut(string(header), `"`)
	stamp, _, _ = strings.Cut(stamp, `"`)
	program, err := os.ReadFile(filepath.Join(build(t, environment(), ""), "producer_example"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stamp) != 64 || !bytes.Contains(program, []byte(stamp)) {
		t.Errorf("the stamp %q is not in the program: a later library would not be linked in", stamp)
	}
}

func TestAStaticBuildNeedsNoLibraryOfOurs(t *testing.T) {
	env := environment()
	dir := build(t, env, "static")
	needs := ldd(t, filepath.Join(dir, "producer_example"))
	if strings.Contains(needs, "kafka") || strings.Contains(needs, "ssl") || !strings.Contains(needs, "libc.so") {
		t.Error(needs)
	}
	works(t, dir, env)
}

func TestAStaticAllBuildNeedsNoLibraryAtAll(t *testing.T) {
	env := environment()
	dir := build(t, env, "static_all")
	if needs := ldd(t, filepath.Join(dir, "producer_example")); !strings.Contains(needs, "not a dynamic executable") {
		t.Error(needs)
	}
	works(t, dir, env)
}

func TestADynamicBuildUsesWhatPkgConfigFinds(t *testing.T) {
	prefix := t.TempDir()
	install := exec.Command("make", "-C", "../../..", "--no-print-directory", "install", "PREFIX="+prefix)
	install.Env = environment("MAKEFLAGS=", "MAKEOVERRIDES=")
	run(t, install)
	lib := filepath.Join(prefix, "lib")
	env := environment("PKG_CONFIG_PATH="+filepath.Join(lib, "pkgconfig"), "LD_LIBRARY_PATH="+lib)
	dir := build(t, env, "dynamic")
	needs := exec.Command("ldd", filepath.Join(dir, "producer_example"))
	needs.Env = env
	if output := run(t, needs); !strings.Contains(output, filepath.Join(lib, "libkafka_rs.so.1")) {
		t.Error(output)
	}
	works(t, dir, env)
}

// program is a module that uses the original client's import path.
func program(t *testing.T, replacement string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module program\n\ngo 1.24\n\nrequire github.com/confluentinc/confluent-kafka-go/v2 v2.15.0\n\n"+
		"replace github.com/confluentinc/confluent-kafka-go/v2 => "+replacement+"\n")
	write(t, filepath.Join(dir, "main.go"), `package main

import (
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func main() {
	_, version := kafka.LibraryVersion()
	fmt.Println("librdkafka", version)
}
`)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheModuleReplacesTheOriginalClient(t *testing.T) {
	dir := program(t, module)
	if output := run(t, goTool(dir, environment(), "run", ".")); !strings.HasPrefix(output, "librdkafka 2.") {
		t.Error(output)
	}
}

func TestTheModuleCanBeVendored(t *testing.T) {
	dir := program(t, module)
	run(t, goTool(dir, environment(), "mod", "vendor"))
	if output := run(t, goTool(dir, environment(), "run", "-mod=vendor", ".")); !strings.HasPrefix(output, "librdkafka 2.") {
		t.Error(output)
	}
}

// copied is a copy of the module's package, as it is in the checkout.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "kafka"), os.DirFS(filepath.Join(module, "kafka"))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), "module copy\n\ngo 1.24\n")
	return dir
}

func TestALibraryThatIsNotBuiltIsToldInOneLine(t *testing.T) {
	dir := copied(t)
	for _, file := range []string{"built.h", "kafka_rs.h", "libkafka_rs.a"} {
		if err := os.Remove(filepath.Join(dir, "kafka", file)); err != nil {
			t.Fatal(err)
		}
	}
	output, err := runs(goTool(dir, environment(), "build", "./kafka"))
	if err == nil || !strings.Contains(output, "run `make` in the root of kafka_rs") || strings.Count(output, "error:") != 1 {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestABuildWithoutCgoIsToldInOneLine(t *testing.T) {
	output, err := runs(goTool(module, environment("CGO_ENABLED=0"), "build", "./kafka"))
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if err == nil || len(lines) != 2 || !strings.Contains(lines[1], "CGO_ENABLED_1") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestAChangedLibraryIsNoticed(t *testing.T) {
	dir := copied(t)
	id := func() string {
		return run(t, goTool(dir, environment(), "list", "-export", "-f", "{{.BuildID}}", "./kafka"))
	}
	before := id()
	if again := id(); again != before {
		t.Fatalf("%s, %s", before, again)
	}
	// What bindings/go/prepare does after a change.
	write(t, filepath.Join(dir, "kafka", "built.h"), "#define KRS_BUILT \"another\"\n")
	if after := id(); after == before {
		t.Error("the package was not built again")
	}
}

func TestTheModuleNeedsNoOther(t *testing.T) {
	if output := strings.TrimSpace(run(t, goTool(module, environment(), "list", "-m", "all"))); strings.Contains(output, "\n") {
		t.Error(output)
	}
	for _, file := range strings.Fields(run(t, goTool(module, environment(), "list", "-f", "{{join .Imports \"\\n\"}}", "./kafka"))) {
		if strings.Contains(file, ".") || strings.HasPrefix(file, "kafka_rs") {
			t.Errorf("kafka imports %s", file)
		}
	}
}
