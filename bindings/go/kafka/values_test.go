package kafka

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

func TestTextsAreThoseOfTheOriginalClient(t *testing.T) {
	topic := "t"
	timedOut := newErrorFromCode(int(ErrTimedOut))
	for want, got := range map[string]string{
		"t[3]@5":                             TopicPartition{Topic: &topic, Partition: 3, Offset: 5}.String(),
		"<null>[0]@0":                        TopicPartition{}.String(),
		"t[3]@stored(Local: Timed out)":      TopicPartition{Topic: &topic, Partition: 3, Offset: OffsetStored, Error: timedOut}.String(),
		"t[-1]@unset":                        (&Message{TopicPartition: TopicPartition{Topic: &topic, Partition: PartitionAny, Offset: OffsetInvalid}}).String(),
		"[0]@beginning":                      (&Message{TopicPartition: TopicPartition{Offset: OffsetBeginning}}).String(),
		"end":                                OffsetEnd.String(),
		"-2010":                              OffsetTail(10).String(),
		"AssignedPartitions: [t[0]@0]":       AssignedPartitions{[]TopicPartition{{Topic: &topic}}}.String(),
		"RevokedPartitions: [t[0]@0]":        RevokedPartitions{[]TopicPartition{{Topic: &topic}}}.String(),
		"EOF at t[1]@9":                      PartitionEOF{Topic: &topic, Partition: 1, Offset: 9}.String(),
		"OffsetsCommitted (<nil>, [t[0]@0])": OffsetsCommitted{nil, []TopicPartition{{Topic: &topic}}}.String(),
		"OAuthBearerTokenRefresh":            OAuthBearerTokenRefresh{"x"}.String(),
		"k=nil":                              Header{Key: "k"}.String(),
		"k=<empty>":                          Header{"k", []byte{}}.String(),
		`k="v"`:                              Header{"k", []byte("v")}.String(),
		"CreateTime":                         TimestampCreateTime.String(),
		"NotAvailable":                       TimestampType(17).String(),
		"Local: Timed out":                   timedOut.Error(),
		"Fatal error: x":                     NewError(ErrFatal, "x", true).Error(),
		"Err-999?":                           ErrorCode(999).String(),
		"Unknown broker error":               ErrUnknown.String(),
		"Success":                            ErrNoError.String(),
		`k="` + strings.Repeat("x", 50) + `"(16 more bytes)`: Header{"k", []byte(strings.Repeat("x", 66))}.String(),
		"[2020-01-02T03:04:05Z][c][TAG][7]m":                 LogEvent{"c", "TAG", "m", 7, time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}.String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEveryErrorCodeHasItsNumberAndAText(t *testing.T) {
	if len(allCodes) != 188 {
		t.Errorf("%d codes", len(allCodes))
	}
	for number, code := range map[int]ErrorCode{-185: ErrTimedOut, -150: ErrFatal, 0: ErrNoError, 3: ErrUnknownTopicOrPart, 133: ErrShareSessionLimitReached, -199: ErrBadMsg} {
		if int(code) != number {
			t.Errorf("%v is %d", code, int(code))
		}
	}
	seen := map[ErrorCode]string{}
	for _, one := range allCodes {
		if strings.HasPrefix(one.code.String(), "Err-") || seen[one.code] != "" {
			t.Errorf("%s: %v, %s", one.name, one.code, seen[one.code])
		}
		seen[one.code] = one.name
	}
	path := filepath.Join(t.TempDir(), "codes.go")
	f := must(os.Create(path))(t)
	WriteErrorCodes(f)
	check(t, f.Close())
	if text := string(must(os.ReadFile(path))(t)); !strings.Contains(text, "ErrTimedOut ErrorCode = -185 // Local: Timed out\n") {
		t.Error(text)
	}
}

func TestErrorsCanBeCompared(t *testing.T) {
	var err error = newErrorFromCode(int(ErrTimedOut))
	if err != error(newErrorFromCode(int(ErrTimedOut))) || err == error(newErrorFromCode(int(ErrFail))) {
		t.Error("== does not work")
	}
	if !newErrorFromCode(int(ErrMsgTimedOut)).IsTimeout() || newErrorFromCode(int(ErrFail)).IsTimeout() {
		t.Error("IsTimeout")
	}
	var failed KafkaError
	if !errors.As(err, &failed) || failed.Code() != ErrTimedOut {
		t.Error("the old name is another type")
	}
}

func TestOffsetsAreReadFromManyThings(t *testing.T) {
	for from, want := range map[interface{}]Offset{1: 1, int64(2): 2, Offset(3): 3, "4": 4, "beginning": OffsetBeginning,
		"earliest": OffsetBeginning, "end": OffsetEnd, "latest": OffsetEnd, "unset": OffsetInvalid, "invalid": OffsetInvalid, "stored": OffsetStored} {
		var o Offset
		if err := o.Set(from); err != nil || o != want {
			t.Errorf("%v: %v, %v", from, o, err)
		}
	}
	for _, bad := range []interface{}{"x", int32(3), 1.5} {
		if _, err := NewOffset(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestPartitionsCanBeSorted(t *testing.T) {
	a, b := "a", "b"
	list := TopicPartitions{{Topic: &b, Partition: 1}, {Topic: &a, Partition: 2}, {Topic: &b, Partition: 0}, {Partition: 9}}
	sort.Sort(list)
	if list[0].Partition != 9 || list[1].Topic != &a || list[3].Partition != 1 {
		t.Error(list)
	}
}

type stringer struct{}

func (stringer) String() string { return "10" }

func TestAConfigMapTakesTheValuesOfTheOriginalClient(t *testing.T) {
	m := ConfigMap{"linger.ms": 5, "enable.idempotence": false, "acks": stringer{}, "default.topic.config": ConfigMap{"request.timeout.ms": "1000"}}
	check(t, m.Set("client.id=a=b"))
	check(t, m.Set("{topic}.message.timeout.ms=2000"))
	before := len(m)
	m["acks"] = 1
	p := must(NewProducer(&m))(t)
	p.Close()
	if len(m) != before || m["client.id"] != "a=b" {
		t.Errorf("the map has changed: %v", m)
	}
	if v := must(m.Get("{topic}.message.timeout.ms", "x"))(t); v != "2000" {
		t.Error(v)
	}
	if v := must(m.Get("nothing", 7))(t); v != 7 {
		t.Error(v)
	}
	if _, err := m.Get("client.id", 7); err == nil || err.Error() != "client.id expects type int, not string" {
		t.Error(err)
	}
	if err := m.Set("abc"); err == nil || err.Error() != "Expected key=value" {
		t.Error(err)
	}
}

func TestABadSettingIsExplained(t *testing.T) {
	for _, one := range []struct {
		m     ConfigMap
		begin string
		code  ErrorCode
	}{
		{ConfigMap{"foo.bar": "x"}, `No such configuration property: "foo.bar"`, ErrInvalidArg},
		{ConfigMap{"go.events.channel.enable": true}, `No such configuration property: "go.events.channel.enable"`, ErrInvalidArg},
		{ConfigMap{"queue.buffering.max.ms": "x"}, `Invalid value for configuration property "queue.buffering.max.ms"`, ErrInvalidArg},
		{ConfigMap{"compression.codec": "foo"}, `Invalid value "foo" for configuration property "compression.codec"`, ErrInvalidArg},
		{ConfigMap{"message.max.bytes": 1}, `Configuration property "message.max.bytes" value 1 is outside allowed range 1000..1000000000`, ErrInvalidArg},
		{ConfigMap{"enable.idempotence": "maybe"}, `Expected bool value for "enable.idempotence": true or false`, ErrInvalidArg},
		{ConfigMap{"go.events.channel.size": "12"}, "go.events.channel.size expects type int, not string", ErrInvalidArg},
		{ConfigMap{"go.events.channel.size": -1}, "go.events.channel.size must not be negative", ErrInvalidArg},
		{ConfigMap{"linger.ms": 1.5}, "Invalid value type float64 for key linger.ms (expected string,bool,int,ConfigMap)", ErrInvalidArg},
		{ConfigMap{"linger.ms": ConfigMap{}}, "Invalid type for key linger.ms", ErrInvalidArg},
		{ConfigMap{"delivery.report.only.error": true}, "delivery.report.only.error=true is not currently supported by the Go client", ErrUnsupportedFeature},
		{ConfigMap{"transactional.id": "x", "enable.idempotence": false}, "`transactional.id` requires `enable.idempotence=true`", ErrInvalidArg},
	} {
		p, err := NewProducer(&one.m)
		if err == nil {
			p.Close()
			t.Errorf("%v is taken", one.m)
		} else if failed := err.(Error); failed.Code() != one.code || !strings.HasPrefix(err.Error(), one.begin) {
			t.Errorf("%v: %v (%d)", one.m, err, failed.Code())
		}
	}
	if _, err := NewProducer(nil); err == nil {
		t.Error("nil is taken")
	}
}

func TestOneMapMayServeProducersAndConsumers(t *testing.T) {
	m := ConfigMap{"group.id": "g", "auto.offset.reset": "earliest", "linger.ms": 5, "acks": "all"}
	p := must(NewProducer(&m))(t)
	p.Close()
	c := must(NewConsumer(&m))(t)
	check(t, c.Close())
}

func TestTheLibraryTellsItsVersion(t *testing.T) {
	number, text := LibraryVersion()
	if number < 0x020c0000 || !strings.HasPrefix(text, "2.") || KafkaRsVersion() == "" || LibrdkafkaLinkInfo == "" {
		t.Errorf("%x %s %s", number, text, KafkaRsVersion())
	}
}
