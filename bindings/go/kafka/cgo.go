//go:build cgo

package kafka

/*
#include "include.h"
#include <stdlib.h>

#cgo noescape krsgo_send
#cgo nocallback krsgo_send
#cgo noescape krsgo_send_batch
#cgo nocallback krsgo_send_batch
#cgo nocallback krsgo_recv

// The structs of the header are built here and not in Go, so that no pointer to Go's memory lies in Go's memory
// when a call is made. A handle is a number on the way.

static inline krs_client krsgo_client(uint64_t id) { krs_client client = { id }; return client; }
static inline krs_chan krsgo_chan(uint64_t id) { krs_chan chan = { id }; return chan; }

// What one receiver keeps from call to call: its batch, and where it is read from.
typedef struct {
	krs_batch *batch;
	krs_batch_view view;
	krs_error err;
} krsgo_rows;

static inline krsgo_rows *krsgo_rows_new(void) {
	krsgo_rows *rows = malloc(sizeof *rows);
	if (rows != NULL) {
		krs_batch_view view = KRS_BATCH_VIEW_INIT;
		krs_error err = KRS_ERROR_INIT;
		rows->batch = NULL;
		rows->view = view;
		rows->err = err;
	}
	return rows;
}

static inline void krsgo_rows_free(krsgo_rows *rows) {
	krs_batch_free(rows->batch);
	free(rows);
}

static inline krs_code krsgo_recv(uint64_t chan, krsgo_rows *rows, uint32_t delivered, uint32_t max) {
	return krs_chan_recv(krsgo_chan(chan), &rows->batch, delivered, max, 0, &rows->view, &rows->err);
}

static inline krs_error *krsgo_error_new(void) {
	krs_error init = KRS_ERROR_INIT;
	krs_error *err = malloc(sizeof *err);
	if (err != NULL) {
		*err = init;
	}
	return err;
}

static inline krs_code krsgo_send(uint64_t client, uint64_t topic, int32_t partition, const uint8_t *key, size_t key_len,
		const uint8_t *value, size_t value_len, const uint8_t *headers, size_t headers_len, int64_t timestamp,
		uint64_t opaque, uint32_t flags) {
	krs_message message = KRS_MESSAGE_INIT;
	message.flags = flags;
	message.topic.id = topic;
	message.partition = partition;
	message.key.data = key;
	message.key.len = key_len;
	message.value.data = value;
	message.value.len = value_len;
	message.headers.data = headers;
	message.headers.len = headers_len;
	message.timestamp = timestamp;
	message.opaque = opaque;
	return krs_producer_send(krsgo_client(client), &message, 0, NULL);
}

static inline krs_code krsgo_send_batch(uint64_t client, size_t count, const uint64_t *topics, size_t topic_count,
		const uint32_t *topic, const int32_t *partition, const int64_t *timestamp, const uint64_t *opaque,
		const int64_t *key, const uint8_t *key_data, const uint8_t *key_validity,
		const int64_t *value, const uint8_t *value_data, const uint8_t *value_validity, const uint32_t *header_start,
		const int64_t *header_key, const uint8_t *header_key_data,
		const int64_t *header_value, const uint8_t *header_value_data, const uint8_t *header_value_validity,
		uint32_t flags, krs_code *codes, size_t *done) {
	krs_records records = KRS_RECORDS_INIT;
	records.flags = flags;
	records.count = count;
	// A krs_topic is a struct of one number.
	records.topics = (const krs_topic *)topics;
	records.topic_count = topic_count;
	records.topic = topic;
	records.partition = partition;
	records.timestamp = timestamp;
	records.opaque = opaque;
	records.key.offsets = key;
	records.key.data = key_data;
	records.key.validity = key_validity;
	records.value.offsets = value;
	records.value.data = value_data;
	records.value.validity = value_validity;
	if (header_start[count] > 0) {
		records.header_start = header_start;
		records.header_key.offsets = header_key;
		records.header_key.data = header_key_data;
		records.header_value.offsets = header_value;
		records.header_value.data = header_value_data;
		records.header_value.validity = header_value_validity;
	}
	return krs_producer_send_batch(krsgo_client(client), &records, 0, codes, done, NULL);
}

static inline krs_code krsgo_open(const krs_conf *conf, uint64_t *client, krs_error *err) {
	krs_client opened = { 0 };
	krs_code code = krs_client_open(conf, &opened, err);
	*client = opened.id;
	return code;
}

static inline krs_code krsgo_topic(uint64_t client, const char *name, uint64_t *topic, krs_error *err) {
	krs_topic found = { 0 };
	krs_code code = krs_client_topic(krsgo_client(client), name, &found, err);
	*topic = found.id;
	return code;
}

static inline krs_code krsgo_events(uint64_t client, uint64_t *chan, krs_error *err) {
	krs_chan found = { 0 };
	krs_code code = krs_client_events(krsgo_client(client), &found, err);
	*chan = found.id;
	return code;
}

static inline krs_code krsgo_logs(uint64_t client, uint64_t *chan, krs_error *err) {
	krs_chan found = { 0 };
	krs_code code = krs_client_logs(krsgo_client(client), &found, err);
	*chan = found.id;
	return code;
}

static inline krs_code krsgo_fd(uint64_t chan, int *fd, krs_error *err) {
	return krs_chan_fd(krsgo_chan(chan), fd, err);
}

static inline krs_code krsgo_chan_free(uint64_t chan) { return krs_chan_free(krsgo_chan(chan), NULL); }

static inline krs_code krsgo_close(uint64_t client, int32_t timeout_ms, krs_close_result *result, krs_error *err) {
	krs_close_result init = KRS_CLOSE_RESULT_INIT;
	*result = init;
	return krs_client_close(krsgo_client(client), timeout_ms, result, err);
}

static inline krs_code krsgo_mock_open(uint32_t brokers, uint64_t *mock, krs_error *err) {
	krs_mock opened = { 0 };
	krs_code code = krs_mock_open(brokers, &opened, err);
	*mock = opened.id;
	return code;
}

static inline krs_mock krsgo_mock(uint64_t id) { krs_mock mock = { id }; return mock; }
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Codes of kafka_rs itself, which callers see as codes of librdkafka: see publicCode.
const (
	codeHandle         = C.KRS_ERR_HANDLE
	codeClosed         = C.KRS_ERR_CLOSED
	codeArgument       = C.KRS_ERR_ARGUMENT
	codeWouldBlock     = C.KRS_ERR_WOULD_BLOCK
	codeOutcomeUnknown = C.KRS_ERR_OUTCOME_UNKNOWN
	codeSystem         = C.KRS_ERR_SYSTEM
	codeInternal       = C.KRS_ERR_INTERNAL
	codeForked         = C.KRS_ERR_FORKED
)

const (
	kindProducer = C.KRS_PRODUCER
	kindConsumer = C.KRS_CONSUMER

	messageNoReport = C.KRS_MESSAGE_NO_REPORT

	// Every row of a batch was handed out.
	allRows = C.KRS_ALL
	noTopic = C.KRS_NO_TOPIC
)

// Kinds of rows.
const (
	rowMessage = C.KRS_EVENT_MESSAGE
	rowReport  = C.KRS_EVENT_REPORT
	rowError   = C.KRS_EVENT_ERROR
	rowEOF     = C.KRS_EVENT_PARTITION_EOF
	rowCommit  = C.KRS_EVENT_COMMIT
	rowStats   = C.KRS_EVENT_STATS
	rowLog     = C.KRS_EVENT_LOG
	rowPart    = C.KRS_EVENT_PARTITION
	rowAssign  = C.KRS_EVENT_ASSIGN
	rowRevoke  = C.KRS_EVENT_REVOKE
	rowToken   = C.KRS_EVENT_TOKEN_REFRESH
	rowBroker  = C.KRS_EVENT_BROKER
	rowTopic   = C.KRS_EVENT_TOPIC
)

// Flags of rows.
const (
	flagMore  = C.KRS_ROW_MORE
	flagFatal = C.KRS_ROW_FATAL
)

func coreVersion() string       { return C.GoString(C.krs_version()) }
func librdkafkaVersion() string { return C.GoString(C.krs_librdkafka_version()) }

// codeName is empty for a number that is no code.
func codeName(code int) string {
	name := C.GoString(C.krs_error_name(C.krs_code(code)))
	if name == "UNKNOWN_CODE" {
		return ""
	}
	return name
}

func codeText(code int) string { return C.GoString(C.krs_error_text(C.krs_code(code))) }

// withError makes a call that says why it failed.
func withError(call func(err *C.krs_error) C.krs_code) error {
	err := C.krsgo_error_new()
	if err == nil {
		return newErrorFromCode(codeSystem)
	}
	defer C.free(unsafe.Pointer(err))
	if code := call(err); code != 0 {
		return errorOf(code, err)
	}
	return nil
}

func errorOf(code C.krs_code, err *C.krs_error) Error {
	return newCoreError(int(code), uint32(err.flags), C.GoStringN(&err.message[0], C.int(err.message_len)))
}

const (
	errorFatal     = C.KRS_ERROR_FATAL
	errorRetriable = C.KRS_ERROR_RETRIABLE
	errorTxnAbort  = C.KRS_ERROR_TXN_ABORT
)

// ---- configuration -------------------------------------------------------------------------------------------------

type coreConf struct{ conf *C.krs_conf }

func newCoreConf(kind uint32) (coreConf, error) {
	var conf *C.krs_conf
	err := withError(func(err *C.krs_error) C.krs_code { return C.krs_conf_new(C.uint32_t(kind), &conf, err) })
	return coreConf{conf}, err
}

func (c coreConf) free() { C.krs_conf_free(c.conf) }

func (c coreConf) set(name, value string) error {
	cName, cValue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cValue))
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_conf_set(c.conf, cName, cValue, err) })
}

func (c coreConf) setDefaultTopic(name, value string) error {
	cName, cValue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cValue))
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_conf_set_default_topic(c.conf, cName, cValue, err)
	})
}

func (c coreConf) get(name string) (string, error) {
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	return textOf(func(buffer *C.char, capacity C.size_t, length *C.size_t, err *C.krs_error) C.krs_code {
		return C.krs_conf_get(c.conf, cName, buffer, capacity, length, err)
	})
}

// textOf makes a call that copies a text of unknown length.
func textOf(call func(*C.char, C.size_t, *C.size_t, *C.krs_error) C.krs_code) (string, error) {
	size := 256
	for {
		var length C.size_t
		buffer := (*C.char)(C.malloc(C.size_t(size)))
		err := withError(func(err *C.krs_error) C.krs_code { return call(buffer, C.size_t(size), &length, err) })
		text := ""
		if err == nil {
			text = C.GoStringN(buffer, C.int(length))
		}
		C.free(unsafe.Pointer(buffer))
		if err == nil || int(length) < size {
			return text, err
		}
		size = int(length) + 1
	}
}

// ---- clients -------------------------------------------------------------------------------------------------------

// coreClient and the other handles are numbers: a closed one gives codeClosed, whoever uses it and whenever.
type (
	coreClient uint64
	coreChan   uint64
	coreTopic  uint64
	coreMock   uint64
)

func openCore(conf coreConf) (coreClient, error) {
	var id C.uint64_t
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_open(conf.conf, &id, err) })
	return coreClient(id), err
}

func (c coreClient) name() (string, error) {
	return textOf(func(buffer *C.char, capacity C.size_t, length *C.size_t, err *C.krs_error) C.krs_code {
		return C.krs_client_name(C.krsgo_client(C.uint64_t(c)), buffer, capacity, length, err)
	})
}

func (c coreClient) events() (coreChan, error) {
	var id C.uint64_t
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_events(C.uint64_t(c), &id, err) })
	return coreChan(id), err
}

func (c coreClient) logs() (coreChan, error) {
	var id C.uint64_t
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_logs(C.uint64_t(c), &id, err) })
	return coreChan(id), err
}

func (c coreClient) fatal() error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_client_fatal(C.krsgo_client(C.uint64_t(c)), err) })
}

func (c coreClient) raiseFatal(code ErrorCode, reason string) error {
	text := C.CString(reason)
	defer C.free(unsafe.Pointer(text))
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_client_raise_fatal(C.krsgo_client(C.uint64_t(c)), C.krs_code(code), text, err)
	})
}

// closeResult says what became of the messages of a producer that had no result yet.
type closeResult struct {
	purged, unknown int
	unfinished      bool
}

func (c coreClient) close(timeoutMs int) (closeResult, error) {
	var result C.krs_close_result
	err := withError(func(err *C.krs_error) C.krs_code {
		return C.krsgo_close(C.uint64_t(c), C.int32_t(timeoutMs), &result, err)
	})
	return closeResult{int(result.purged), int(result.unknown), result.unfinished != 0}, err
}

// ---- producer ------------------------------------------------------------------------------------------------------

func (c coreClient) topic(name string) (coreTopic, error) {
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	var id C.uint64_t
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_topic(C.uint64_t(c), cName, &id, err) })
	return coreTopic(id), err
}

// send copies the message before it returns; it never waits. nil is null, and an empty slice is not.
func (c coreClient) send(topic coreTopic, partition int32, key, value, headers []byte, timestamp int64, opaque uint64,
	flags uint32) int {
	return int(C.krsgo_send(C.uint64_t(c), C.uint64_t(topic), C.int32_t(partition),
		(*C.uint8_t)(dataOf(key)), C.size_t(len(key)), (*C.uint8_t)(dataOf(value)), C.size_t(len(value)),
		(*C.uint8_t)(dataOf(headers)), C.size_t(len(headers)), C.int64_t(timestamp), C.uint64_t(opaque),
		C.uint32_t(flags)))
}

// dataOf is not nil for a slice that is not nil, be it empty.
func dataOf(bytes []byte) *byte { return unsafe.SliceData(bytes) }

// sendBatch copies the messages from row `from` on before it returns, and never waits. It tells how many were dealt with;
// their codes are then in codes.
func (c coreClient) sendBatch(r *records, from int, flags uint32, codes []int32) (done int, code int) {
	var cDone C.size_t
	// Offsets are into the data as a whole. Validity is by bit, and can only be cut at whole bytes: see records.canBeginAt.
	result := C.krsgo_send_batch(C.uint64_t(c), C.size_t(r.len()-from),
		(*C.uint64_t)(unsafe.SliceData(r.topics)), C.size_t(len(r.topics)),
		(*C.uint32_t)(unsafe.SliceData(r.topic[from:])), (*C.int32_t)(unsafe.SliceData(r.partition[from:])),
		(*C.int64_t)(unsafe.SliceData(r.timestamp[from:])), (*C.uint64_t)(unsafe.SliceData(r.opaque[from:])),
		(*C.int64_t)(unsafe.SliceData(r.key.offsets[from:])), (*C.uint8_t)(unsafe.SliceData(r.key.data)),
		(*C.uint8_t)(r.key.validityFrom(from)),
		(*C.int64_t)(unsafe.SliceData(r.value.offsets[from:])), (*C.uint8_t)(unsafe.SliceData(r.value.data)),
		(*C.uint8_t)(r.value.validityFrom(from)),
		(*C.uint32_t)(unsafe.SliceData(r.headerStart[from:])),
		(*C.int64_t)(unsafe.SliceData(r.headerKey.offsets)), (*C.uint8_t)(unsafe.SliceData(r.headerKey.data)),
		(*C.int64_t)(unsafe.SliceData(r.headerValue.offsets)), (*C.uint8_t)(unsafe.SliceData(r.headerValue.data)),
		(*C.uint8_t)(r.headerValue.validityFrom(0)),
		C.uint32_t(flags), (*C.krs_code)(unsafe.SliceData(codes)), &cDone)
	return int(cDone), int(result)
}

// flush holds a thread for as long as it waits: give it short times.
func (c coreClient) flush(timeoutMs int) (pending int, code int) {
	var left C.size_t
	result := C.krs_producer_flush(C.krsgo_client(C.uint64_t(c)), C.int32_t(timeoutMs), &left, nil)
	return int(left), int(result)
}

func (c coreClient) purge(flags uint32) error {
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_producer_purge(C.krsgo_client(C.uint64_t(c)), C.uint32_t(flags), err)
	})
}

func (c coreClient) pending() int {
	var pending C.size_t
	C.krs_producer_len(C.krsgo_client(C.uint64_t(c)), &pending, nil)
	return int(pending)
}

// ---- consumer ------------------------------------------------------------------------------------------------------

func (c coreClient) subscribe(topics []string) error {
	names := newCStrings(topics)
	defer names.free()
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_consumer_subscribe(C.krsgo_client(C.uint64_t(c)), names.data, C.size_t(len(topics)), err)
	})
}

func (c coreClient) unsubscribe() error {
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_consumer_unsubscribe(C.krsgo_client(C.uint64_t(c)), err)
	})
}

// cStrings is an array of strings in C's memory.
type cStrings struct {
	data  **C.char
	count int
}

func newCStrings(strings []string) cStrings {
	data := (**C.char)(C.calloc(C.size_t(len(strings)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	for i, s := range strings {
		unsafe.Slice(data, len(strings))[i] = C.CString(s)
	}
	return cStrings{data, len(strings)}
}

func (s cStrings) free() {
	for _, text := range unsafe.Slice(s.data, s.count) {
		C.free(unsafe.Pointer(text))
	}
	C.free(unsafe.Pointer(s.data))
}

// ---- channels and batches ------------------------------------------------------------------------------------------

func (c coreChan) fd() (int, error) {
	var fd C.int
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_fd(C.uint64_t(c), &fd, err) })
	return int(fd), err
}

func (c coreChan) free() { C.krsgo_chan_free(C.uint64_t(c)) }

// rows is a batch of rows, read where the core wrote them. It is used by one goroutine at a time. What its slices hold
// is valid until the next receive, also after the client is closed.
type rows struct {
	native *C.krsgo_rows

	count         int
	kind, flags   []uint8
	code          []int32
	topic         []uint32
	partition     []int32
	offset        []int64
	timestamp     []int64
	timestampType []uint8
	leaderEpoch   []int32
	opaque        []uint64
	key, value    column
	headerStart   []uint32
	headerKey     column
	headerValue   column
	topics        column

	attention *uint32
}

// column holds values of any length.
type column struct {
	offsets  []int64
	data     []byte
	validity []byte
}

func (c *column) isNull(row int) bool {
	return c.validity != nil && c.validity[row/8]&(1<<(row%8)) == 0
}

// bytes is nil for null and belongs to the core.
func (c *column) bytes(row int) []byte {
	if c.isNull(row) {
		return nil
	}
	return c.data[c.offsets[row]:c.offsets[row+1]:c.offsets[row+1]]
}

func (c *column) text(row int) string { return string(c.bytes(row)) }

// size of the values of rows [from, to).
func (c *column) size(from, to int) int { return int(c.offsets[to] - c.offsets[from]) }

func newRows() *rows {
	r := &rows{native: C.krsgo_rows_new()}
	if r.native == nil {
		panic("kafka: out of memory")
	}
	// For a client that was never closed.
	runtime.SetFinalizer(r, (*rows).free)
	return r
}

func (r *rows) free() {
	if r.native != nil {
		C.krsgo_rows_free(r.native)
		*r = rows{}
	}
}

// recv says that of the rows before, the first `delivered` were handed out, and receives up to max new ones. It does not
// wait: codeWouldBlock means that there are none.
func (r *rows) recv(from coreChan, delivered, max uint32) int {
	if r.native == nil {
		return codeClosed
	}
	code := C.krsgo_recv(C.uint64_t(from), r.native, C.uint32_t(delivered), C.uint32_t(max))
	r.count, r.attention = 0, nil
	if code == 0 && max > 0 {
		r.read(&r.native.view)
	}
	return int(code)
}

func (r *rows) err(code int) Error {
	if r.native == nil {
		return newErrorFromCode(code)
	}
	return errorOf(C.krs_code(code), &r.native.err)
}

// needsAttention says that the core would like to be called although there are rows left.
func (r *rows) needsAttention() bool {
	return r.attention != nil && atomic.LoadUint32(r.attention) != 0
}

func (r *rows) read(view *C.krs_batch_view) {
	n := int(view.count)
	r.count = n
	r.kind = unsafe.Slice((*uint8)(view.kind), n)
	r.flags = unsafe.Slice((*uint8)(view.flags), n)
	r.code = unsafe.Slice((*int32)(view.code), n)
	r.topic = unsafe.Slice((*uint32)(view.topic), n)
	r.partition = unsafe.Slice((*int32)(view.partition), n)
	r.offset = unsafe.Slice((*int64)(view.offset), n)
	r.timestamp = unsafe.Slice((*int64)(view.timestamp), n)
	r.timestampType = unsafe.Slice((*uint8)(view.timestamp_type), n)
	r.leaderEpoch = unsafe.Slice((*int32)(view.leader_epoch), n)
	r.opaque = unsafe.Slice((*uint64)(view.opaque), n)
	r.key = columnOf(&view.key, n)
	r.value = columnOf(&view.value, n)
	r.headerStart = unsafe.Slice((*uint32)(view.header_start), n+1)
	headers := int(r.headerStart[n])
	r.headerKey = columnOf(&view.header_key, headers)
	r.headerValue = columnOf(&view.header_value, headers)
	r.topics = columnOf(&view.topics, int(view.topic_count))
	r.attention = (*uint32)(view.attention)
}

func columnOf(c *C.krs_column, count int) column {
	offsets := unsafe.Slice((*int64)(c.offsets), count+1)
	result := column{offsets: offsets, data: unsafe.Slice((*byte)(c.data), offsets[count])}
	if c.validity != nil {
		result.validity = unsafe.Slice((*byte)(c.validity), (count+7)/8)
	}
	return result
}

// ---- mock cluster --------------------------------------------------------------------------------------------------

func openMock(brokers int) (coreMock, error) {
	var id C.uint64_t
	err := withError(func(err *C.krs_error) C.krs_code { return C.krsgo_mock_open(C.uint32_t(brokers), &id, err) })
	return coreMock(id), err
}

func (m coreMock) createTopic(topic string, partitions, replication int) error {
	name := C.CString(topic)
	defer C.free(unsafe.Pointer(name))
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_mock_topic(C.krsgo_mock(C.uint64_t(m)), name, C.int32_t(partitions), C.int32_t(replication), err)
	})
}

func (m coreMock) setBrokerUp(broker int, up bool) error {
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_mock_set_broker_up(C.krsgo_mock(C.uint64_t(m)), C.int32_t(broker), cBool(up), err)
	})
}

func (m coreMock) setBrokerDelay(broker, delayMs int) error {
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_mock_set_broker_delay(C.krsgo_mock(C.uint64_t(m)), C.int32_t(broker), C.int32_t(delayMs), err)
	})
}

func (m coreMock) bootstrap() (string, error) {
	return textOf(func(buffer *C.char, capacity C.size_t, length *C.size_t, err *C.krs_error) C.krs_code {
		return C.krs_mock_bootstrap(C.krsgo_mock(C.uint64_t(m)), buffer, capacity, length, err)
	})
}

func (m coreMock) close() error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_mock_close(C.krsgo_mock(C.uint64_t(m)), err) })
}
