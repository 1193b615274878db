//go:build cgo

package kafka

/*
#include "include.h"
#include <stdlib.h>
#include <string.h>

static inline krs_partitions *krsgo_partitions_new(void) {
	krs_partitions init = KRS_PARTITIONS_INIT;
	krs_partitions *list = malloc(sizeof *list);
	if (list != NULL) {
		*list = init;
	}
	return list;
}

static inline krs_client krsgo2_client(uint64_t id) { krs_client client = { id }; return client; }

static inline krs_code krsgo_txn_offsets(uint64_t client, const krs_partitions *offsets, const uint8_t *group, size_t len,
		int32_t timeout_ms, krs_error *err) {
	krs_bytes bytes = { group, len };
	return krs_txn_offsets(krsgo2_client(client), offsets, bytes, timeout_ms, err);
}

static inline krs_new_topic *krsgo_new_topics(size_t count) {
	krs_new_topic init = KRS_NEW_TOPIC_INIT;
	krs_new_topic *topics = malloc((count + 1) * sizeof *topics);
	for (size_t i = 0; topics != NULL && i < count; i++) {
		topics[i] = init;
	}
	return topics;
}
*/
import "C"

import "unsafe"

// How partitions are assigned.
const (
	assignReplace = C.KRS_ASSIGN_REPLACE
	assignAdd     = C.KRS_ASSIGN_ADD
	assignRemove  = C.KRS_ASSIGN_REMOVE
)

const flagLost = C.KRS_ROW_LOST

// cPartitions are partitions in columns, in C's memory.
type cPartitions struct {
	list   *C.krs_partitions
	blocks []unsafe.Pointer
}

func (p *cPartitions) free() {
	for _, block := range p.blocks {
		C.free(block)
	}
}

// keep copies a column to C's memory.
func keep[T any](p *cPartitions, column []T) unsafe.Pointer {
	var element T
	size := len(column) * int(unsafe.Sizeof(element))
	block := C.malloc(C.size_t(size + 1))
	p.blocks = append(p.blocks, block)
	copy(unsafe.Slice((*T)(block), len(column)), column)
	return block
}

func (p *cPartitions) column(from *columnBuilder) C.krs_column {
	var c C.krs_column
	c.offsets = (*C.int64_t)(keep(p, from.offsets))
	c.data = (*C.uint8_t)(keep(p, from.data))
	if from.hasNull {
		c.validity = (*C.uint8_t)(keep(p, from.validity))
	}
	return c
}

// newCPartitions fails for a partition without topic.
func newCPartitions(partitions []TopicPartition) (*cPartitions, error) {
	var topics, metadata columnBuilder
	topics.reset()
	metadata.reset()
	indices := make(map[string]uint32)
	var topic []uint32
	var number, epoch []int32
	var offset []int64
	for _, partition := range partitions {
		if partition.Topic == nil {
			return nil, NewError(ErrInvalidArg, "A partition has no topic", false)
		}
		index, known := indices[*partition.Topic]
		if !known {
			index = uint32(topics.len())
			indices[*partition.Topic] = index
			topics.add([]byte(*partition.Topic), false)
		}
		topic = append(topic, index)
		number = append(number, partition.Partition)
		offset = append(offset, int64(partition.Offset))
		if partition.LeaderEpoch != nil {
			epoch = append(epoch, *partition.LeaderEpoch)
		} else {
			epoch = append(epoch, -1)
		}
		if partition.Metadata != nil {
			metadata.add([]byte(*partition.Metadata), false)
		} else {
			metadata.add(nil, true)
		}
	}
	p := &cPartitions{list: C.krsgo_partitions_new()}
	if p.list == nil {
		return nil, newErrorFromCode(codeSystem)
	}
	p.blocks = append(p.blocks, unsafe.Pointer(p.list))
	p.list.count = C.size_t(len(partitions))
	p.list.topics = p.column(&topics)
	p.list.topic_count = C.size_t(topics.len())
	p.list.topic = (*C.uint32_t)(keep(p, topic))
	p.list.partition = (*C.int32_t)(keep(p, number))
	p.list.offset = (*C.int64_t)(keep(p, offset))
	p.list.leader_epoch = (*C.int32_t)(keep(p, epoch))
	p.list.metadata = p.column(&metadata)
	return p, nil
}

type (
	cList  = *C.krs_partitions
	cBatch = **C.krs_batch
	cView  = *C.krs_batch_view
	cError = *C.krs_error
)

// answered makes a call that is answered with rows.
func answered(call func(batch cBatch, view cView, err cError) C.krs_code) (*rows, error) {
	r := newRows()
	if code := call(&r.native.batch, &r.native.view, &r.native.err); code != 0 {
		err := r.err(int(code))
		r.free()
		return nil, err
	}
	r.read(&r.native.view)
	return r, nil
}

// withPartitions makes a call about partitions that is answered with a row for each.
func withPartitions(partitions []TopicPartition, call func(list cList, batch cBatch, view cView, err cError) C.krs_code) (
	[]TopicPartition, error) {
	list, err := newCPartitions(partitions)
	if err != nil {
		return nil, err
	}
	defer list.free()
	r, err := answered(func(batch cBatch, view cView, err cError) C.krs_code { return call(list.list, batch, view, err) })
	return partitionsOf(r, err)
}

// partitionsOf reads an answer, and frees it.
func partitionsOf(r *rows, err error) ([]TopicPartition, error) {
	if err != nil {
		return nil, err
	}
	defer r.free()
	result := make([]TopicPartition, r.count)
	for row := range result {
		result[row] = r.topicPartition(row)
		if !r.value.isNull(row) {
			metadata := r.value.text(row)
			result[row].Metadata = &metadata
		}
	}
	return result, nil
}

func (c coreClient) c() C.krs_client { return C.krsgo2_client(C.uint64_t(c)) }

func (c coreClient) subscription() ([]string, error) {
	partitions, err := partitionsOf(answered(func(batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_subscription(c.c(), batch, view, err)
	}))
	topics := make([]string, len(partitions))
	for i, partition := range partitions {
		topics[i] = topicOf(partition)
	}
	return topics, err
}

func (c coreClient) assignment() ([]TopicPartition, error) {
	return partitionsOf(answered(func(batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_assignment(c.c(), batch, view, err)
	}))
}

func (c coreClient) applicationRebalance(enabled bool) error {
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_consumer_application_rebalance(c.c(), cBool(enabled), err)
	})
}

func (c coreClient) assign(how uint32, partitions []TopicPartition) error {
	list, err := newCPartitions(partitions)
	if err != nil {
		return err
	}
	defer list.free()
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_consumer_assign(c.c(), C.uint32_t(how), list.list, err)
	})
}

func (c coreClient) pause(partitions []TopicPartition) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_pause(c.c(), list, batch, view, err)
	})
}

func (c coreClient) resume(partitions []TopicPartition) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_resume(c.c(), list, batch, view, err)
	})
}

func (c coreClient) seek(partitions []TopicPartition, timeoutMs int) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_seek(c.c(), list, C.int32_t(timeoutMs), batch, view, err)
	})
}

func (c coreClient) position(partitions []TopicPartition) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_position(c.c(), list, batch, view, err)
	})
}

func (c coreClient) committed(partitions []TopicPartition, timeoutMs int) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_committed(c.c(), list, C.int32_t(timeoutMs), batch, view, err)
	})
}

func (c coreClient) storeOffsets(partitions []TopicPartition) ([]TopicPartition, error) {
	return withPartitions(partitions, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_store(c.c(), list, batch, view, err)
	})
}

// commit commits what was delivered, and holds a thread until the outcome is known.
func (c coreClient) commit(timeoutMs int) ([]TopicPartition, error) {
	return partitionsOf(answered(func(batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_commit(c.c(), C.int32_t(timeoutMs), 0, batch, view, err)
	}))
}

// commitOffsets holds a thread until the outcome is known.
func (c coreClient) commitOffsets(offsets []TopicPartition, timeoutMs int) ([]TopicPartition, error) {
	return withPartitions(offsets, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_consumer_commit_offsets(c.c(), list, C.int32_t(timeoutMs), 0, batch, view, err)
	})
}

func (c coreClient) groupMetadata() ([]byte, error) {
	for size := 256; ; {
		var length C.size_t
		buffer := C.malloc(C.size_t(size))
		err := withError(func(err *C.krs_error) C.krs_code {
			return C.krs_consumer_group_metadata(c.c(), (*C.uint8_t)(buffer), C.size_t(size), &length, err)
		})
		var metadata []byte
		if err == nil {
			metadata = C.GoBytes(buffer, C.int(length))
		}
		C.free(buffer)
		if err == nil || int(length) <= size {
			return metadata, err
		}
		size = int(length)
	}
}

func (c coreClient) rebalanceProtocol() (string, error) {
	var name *C.char
	err := withError(func(err *C.krs_error) C.krs_code { return C.krs_consumer_rebalance_protocol(c.c(), &name, err) })
	if err != nil {
		return "", err
	}
	return C.GoString(name), nil
}

func (c coreClient) assignmentLost() bool {
	var lost C.uint32_t
	C.krs_consumer_assignment_lost(c.c(), &lost, nil)
	return lost != 0
}

// ---- cluster -------------------------------------------------------------------------------------------------------

func (c coreClient) offsetsForTimes(times []TopicPartition, timeoutMs int) ([]TopicPartition, error) {
	return withPartitions(times, func(list cList, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_cluster_offsets_for_times(c.c(), list, C.int32_t(timeoutMs), batch, view, err)
	})
}

// watermarks asks a broker, or with time 0 nobody.
func (c coreClient) watermarks(topic string, partition int32, timeoutMs int) (low, high int64, err error) {
	name := C.CString(topic)
	defer C.free(unsafe.Pointer(name))
	var cLow, cHigh C.int64_t
	err = withError(func(err *C.krs_error) C.krs_code {
		return C.krs_cluster_watermarks(c.c(), name, C.int32_t(partition), C.int32_t(timeoutMs), &cLow, &cHigh, err)
	})
	return int64(cLow), int64(cHigh), err
}

// metadata holds a thread until a broker answers.
func (c coreClient) metadata(topic *string, allTopics bool, timeoutMs int) (*rows, error) {
	var name *C.char
	if topic != nil {
		name = C.CString(*topic)
		defer C.free(unsafe.Pointer(name))
	}
	return answered(func(batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_cluster_metadata(c.c(), name, cBool(allTopics), C.int32_t(timeoutMs), batch, view, err)
	})
}

func (c coreClient) clusterID(timeoutMs int) (string, error) {
	return textOf(func(buffer *C.char, capacity C.size_t, length *C.size_t, err *C.krs_error) C.krs_code {
		return C.krs_cluster_id(c.c(), C.int32_t(timeoutMs), buffer, capacity, length, err)
	})
}

func (c coreClient) controllerID(timeoutMs int) (int32, error) {
	var id C.int32_t
	err := withError(func(err *C.krs_error) C.krs_code {
		return C.krs_cluster_controller_id(c.c(), C.int32_t(timeoutMs), &id, err)
	})
	return int32(id), err
}

// ---- credentials ---------------------------------------------------------------------------------------------------

func (c coreClient) setSasl(user, password string) error {
	cUser, cPassword := C.CString(user), C.CString(password)
	defer C.free(unsafe.Pointer(cUser))
	defer C.free(unsafe.Pointer(cPassword))
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_client_set_sasl(c.c(), cUser, cPassword, err) })
}

// setToken takes the extensions as keys and values in turn.
func (c coreClient) setToken(token string, lifetimeMs int64, principal string, extensions []string) error {
	cToken, cPrincipal := C.CString(token), C.CString(principal)
	defer C.free(unsafe.Pointer(cToken))
	defer C.free(unsafe.Pointer(cPrincipal))
	cExtensions := newCStrings(extensions)
	defer cExtensions.free()
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krs_client_set_token(c.c(), cToken, C.int64_t(lifetimeMs), cPrincipal, cExtensions.data,
			C.size_t(len(extensions)), err)
	})
}

func (c coreClient) tokenFailed(reason string) error {
	cReason := C.CString(reason)
	defer C.free(unsafe.Pointer(cReason))
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_client_token_failed(c.c(), cReason, err) })
}

// ---- transactions --------------------------------------------------------------------------------------------------

func (c coreClient) initTransactions(timeoutMs int) error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_txn_init(c.c(), C.int32_t(timeoutMs), err) })
}

func (c coreClient) beginTransaction() error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_txn_begin(c.c(), err) })
}

func (c coreClient) commitTransaction(timeoutMs int) error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_txn_commit(c.c(), C.int32_t(timeoutMs), err) })
}

func (c coreClient) abortTransaction(timeoutMs int) error {
	return withError(func(err *C.krs_error) C.krs_code { return C.krs_txn_abort(c.c(), C.int32_t(timeoutMs), err) })
}

func (c coreClient) sendOffsets(offsets []TopicPartition, group []byte, timeoutMs int) error {
	list, err := newCPartitions(offsets)
	if err != nil {
		return err
	}
	defer list.free()
	data := C.CBytes(group)
	defer C.free(data)
	return withError(func(err *C.krs_error) C.krs_code {
		return C.krsgo_txn_offsets(C.uint64_t(c), list.list, (*C.uint8_t)(data), C.size_t(len(group)),
			C.int32_t(timeoutMs), err)
	})
}

// ---- admin ---------------------------------------------------------------------------------------------------------

// newTopic is a topic to be made: -1 is as the brokers are configured. config has keys and values in turn, replicas the
// brokers of one partition after the other.
type newTopic struct {
	name                    string
	partitions, replication int
	config                  []string
	replicas                []int32
}

// createTopics holds a thread until a broker answers. So do the others.
func (c coreClient) createTopics(topics []newTopic, validateOnly bool, timeoutMs int) ([]TopicResult, error) {
	return withNewTopics(topics, func(list *C.krs_new_topic, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_admin_create_topics(c.c(), list, C.size_t(len(topics)), cBool(validateOnly), C.int32_t(timeoutMs),
			batch, view, err)
	})
}

func (c coreClient) createPartitions(topics []newTopic, validateOnly bool, timeoutMs int) ([]TopicResult, error) {
	return withNewTopics(topics, func(list *C.krs_new_topic, batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_admin_create_partitions(c.c(), list, C.size_t(len(topics)), cBool(validateOnly),
			C.int32_t(timeoutMs), batch, view, err)
	})
}

func (c coreClient) deleteTopics(topics []string, timeoutMs int) ([]TopicResult, error) {
	names := newCStrings(topics)
	defer names.free()
	return topicResults(answered(func(batch cBatch, view cView, err cError) C.krs_code {
		return C.krs_admin_delete_topics(c.c(), names.data, C.size_t(len(topics)), C.int32_t(timeoutMs), batch, view, err)
	}))
}

func cBool(value bool) C.uint32_t {
	if value {
		return 1
	}
	return 0
}

func withNewTopics(topics []newTopic, call func(*C.krs_new_topic, cBatch, cView, cError) C.krs_code) ([]TopicResult, error) {
	list := C.krsgo_new_topics(C.size_t(len(topics)))
	defer C.free(unsafe.Pointer(list))
	for i, topic := range topics {
		c := &unsafe.Slice(list, len(topics))[i]
		texts := newCStrings(append([]string{topic.name}, topic.config...))
		defer texts.free()
		all := unsafe.Slice(texts.data, texts.count)
		c.name = all[0]
		c.partitions, c.replication = C.int32_t(topic.partitions), C.int32_t(topic.replication)
		if len(topic.config) > 0 {
			c.config, c.config_count = &all[1], C.size_t(len(topic.config))
		}
		if len(topic.replicas) > 0 {
			brokers := (*C.int32_t)(C.CBytes(bytesOf(topic.replicas)))
			defer C.free(unsafe.Pointer(brokers))
			c.replicas, c.replica_count = brokers, C.size_t(len(topic.replicas))
		}
	}
	return topicResults(answered(func(batch cBatch, view cView, err cError) C.krs_code { return call(list, batch, view, err) }))
}

func bytesOf(numbers []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), len(numbers)*int(unsafe.Sizeof(numbers[0])))
}

func topicResults(r *rows, err error) ([]TopicResult, error) {
	if err != nil {
		return nil, err
	}
	defer r.free()
	results := make([]TopicResult, r.count)
	for row := range results {
		results[row] = TopicResult{topicOf(r.topicPartition(row)), r.errorEvent(row)}
	}
	return results, nil
}
