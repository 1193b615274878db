/*
 * A batch of bundles as it goes to the broker, which librdkafka's own writer would have to be given
 * message by message: the records one behind the other, compressed if that is asked for, with the
 * batch's header and the request's in front.
 */
#include "bundles.h"

#include "crc32c.h"
#include "rdkafka_broker.h"
#include "rdkafka_lz4.h"
#include "rdkafka_msgset.h"
#include "rdkafka_topic.h"
#if WITH_ZSTD
#include "rdkafka_zstd.h"
#endif
#if HAS_GZIP
/* As rdkafka_msgset.h, which hides it without zlib's header. */
rd_kafka_resp_err_t rd_kafka_gzip_compress(rd_kafka_broker_t *broker, int level, rd_slice_t *slice,
                                           void **to, size_t *len);
#endif

/* Of the Produce request: that the record format 2 and that zstd came with, the first of those in
 * compact form, and the newest that is written here. */
enum { FIRST_VERSION = 3, ZSTD_VERSION = 7, COMPACT_VERSION = 9, LAST_VERSION = 10 };

/* Of a request beside its batch: the topic's, the client's and the transaction's name come to it.
 */
enum { MOST_OVERHEAD = 256 };

size_t krs_rd_batch_room(const rd_kafka_topic_t *topic) {
    const rd_kafka_t *client = topic->rkt_rk;
    size_t most = (size_t)RD_MIN(client->rk_conf.max_msg_size, client->rk_conf.batch_size);
    size_t used = MOST_OVERHEAD + RD_KAFKAP_STR_LEN(topic->rkt_topic) +
                  RD_KAFKAP_STR_LEN(client->rk_client_id);
    return most > used ? most - used : 0;
}

/* How a broker is written to. */
typedef struct {
    int16_t version;
    rd_kafka_compression_t codec;
} format_t;

static int16_t version_for(rd_kafka_broker_t *broker, int16_t first) {
    return rd_kafka_broker_ApiVersion_supported(broker, RD_KAFKAP_Produce, first, LAST_VERSION,
                                                NULL);
}

static format_t format_for(rd_kafka_broker_t *broker, const rd_kafka_topic_t *topic) {
    rd_kafka_compression_t codec = topic->rkt_conf.compression_codec;
    int16_t first = codec == RD_KAFKA_COMPRESSION_ZSTD ? ZSTD_VERSION : FIRST_VERSION;
    format_t format = {.version = version_for(broker, first), .codec = codec};
    bool takes_lz4 = (broker->rkb_features & RD_KAFKA_FEATURE_LZ4) != 0;
    if (format.version < first || (codec == RD_KAFKA_COMPRESSION_LZ4 && !takes_lz4)) {
        format.codec = RD_KAFKA_COMPRESSION_NONE;
        format.version = version_for(broker, FIRST_VERSION);
    }
    return format;
}

bool krs_rd_can_write_to(const rd_kafka_broker_t *broker) {
    return (broker->rkb_features & RD_KAFKA_FEATURE_MSGVER2) != 0;
}

/* ---- the records ---- */

typedef struct {
    uint8_t *bytes;
    size_t len;
    int32_t count;
    int64_t first_timestamp, last_timestamp; /* The last is the greatest. */
    size_t value_bytes;                      /* With those of the keys. */
    rd_kafka_compression_t codec;
} records_t;

/* Moves the bundles that are first in a queue and go into one batch; tells how many bytes their
 * records take at most. */
static size_t take_bundles(rd_kafka_toppar_t *partition, rd_kafka_msgq_t *queue,
                           rd_kafka_msgq_t *bundles) {
    const rd_kafka_topic_t *topic = partition->rktp_rkt;
    size_t room = krs_rd_batch_room(topic), size = 0;
    int32_t most = topic->rkt_rk->rk_conf.batch_num_messages, count = 0;
    rd_ts_t now = rd_clock();
    rd_kafka_msg_t *message;
    while ((message = rd_kafka_msgq_first(queue)) != NULL && is_bundle(message) &&
           message->rkm_u.producer.ts_backoff <= now) {
        bundle_t *bundle = bundle_of(message);
        bool fits = count + bundle->count <= most && size + bundle->wire_bytes <= room;
        if (count > 0 && !fits) {
            break;
        }
        count += bundle->count;
        size += bundle->wire_bytes;
        message->rkm_flags |= IS_CLOSED;
        take_out(queue, message);
        rd_kafka_msgq_enq(bundles, message);
    }
    return size;
}

static inline uint64_t zigzag(int64_t number) {
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static inline size_t varint_size(int64_t number) {
    uint64_t left = zigzag(number) | 1;
    return (size_t)(63 - __builtin_clzll(left)) / 7 + 1;
}

static inline uint8_t *write_varint(uint8_t *to, int64_t number) {
    uint64_t left = zigzag(number);
    for (; left > 0x7f; left >>= 7) {
        *to++ = (uint8_t)(left | 0x80);
    }
    *to++ = (uint8_t)left;
    return to;
}

static inline uint8_t *write_bytes(uint8_t *to, const uint8_t *bytes, int32_t size) {
    to = write_varint(to, size);
    if (size > 0) {
        memcpy(to, bytes, (size_t)size);
        to += size;
    }
    return to;
}

/* The format is that of https://kafka.apache.org/documentation/#record */
static uint8_t *write_record(uint8_t *to, const item_t *item, int64_t since_first, int32_t index) {
    size_t size = 2 /* Attributes, and a count of headers: 0. */ + varint_size(since_first) +
                  varint_size(index) + varint_size(item->key_size) + bytes_of(item->key_size) +
                  varint_size(item->value_size) + bytes_of(item->value_size);
    to = write_varint(to, (int64_t)size);
    *to++ = 0;
    to = write_varint(to, since_first);
    to = write_varint(to, index);
    to = write_bytes(to, key_of(item), item->key_size);
    to = write_bytes(to, value_of(item), item->value_size);
    *to++ = 0;
    return to;
}

static records_t write_records(const rd_kafka_msgq_t *bundles, size_t most) {
    records_t records = {.bytes = rd_malloc(most)};
    uint8_t *to = records.bytes;
    rd_kafka_msg_t *message;
    records.first_timestamp =
        ((const item_t *)bundle_of(rd_kafka_msgq_first(bundles))->items)->timestamp;
    TAILQ_FOREACH(message, &bundles->rkmq_msgs, rkm_link) {
        const bundle_t *bundle = bundle_of(message);
        const item_t *item = (const item_t *)bundle->items;
        for (int32_t i = 0; i < bundle->count; i++, item = item_after(item), records.count++) {
            to = write_record(to, item, item->timestamp - records.first_timestamp, records.count);
            records.last_timestamp = RD_MAX(records.last_timestamp, item->timestamp);
            records.value_bytes += bytes_of(item->key_size) + bytes_of(item->value_size);
        }
    }
    records.len = (size_t)(to - records.bytes);
    return records;
}

static rd_kafka_resp_err_t compress_slice(rd_kafka_broker_t *broker, rd_kafka_compression_t codec,
                                          int level, rd_slice_t *slice, void **to, size_t *len) {
    switch (codec) {
#if HAS_GZIP
    case RD_KAFKA_COMPRESSION_GZIP:
        return rd_kafka_gzip_compress(broker, level, slice, to, len);
#endif
#if WITH_SNAPPY
    case RD_KAFKA_COMPRESSION_SNAPPY:
        return rd_kafka_snappy_compress_slice(broker, slice, to, len);
#endif
    case RD_KAFKA_COMPRESSION_LZ4:
        return rd_kafka_lz4_compress(broker, 1, level, slice, to, len);
#if WITH_ZSTD
    case RD_KAFKA_COMPRESSION_ZSTD:
        return rd_kafka_zstd_compress(broker, level, slice, to, len);
#endif
    default:
        return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
    }
}

/* They stay as they are where that fails or does not make them smaller. */
static void compress_records(rd_kafka_broker_t *broker, rd_kafka_compression_t codec, int level,
                             records_t *records) {
    rd_buf_t buffer;
    rd_slice_t slice;
    void *smaller = NULL;
    size_t len = records->len;
    rd_buf_init(&buffer, 1, 0);
    rd_buf_push(&buffer, records->bytes, records->len, NULL);
    rd_slice_init_full(&slice, &buffer);
    rd_kafka_resp_err_t failed = compress_slice(broker, codec, level, &slice, &smaller, &len);
    rd_buf_destroy(&buffer);
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    if (len > records->len) {
        rd_free(smaller);
        return;
    }
    rd_free(records->bytes);
    records->bytes = smaller;
    records->len = len;
    records->codec = codec;
}

/* ---- the batch's header ---- */

typedef struct {
    uint8_t bytes[RD_KAFKAP_MSGSET_V2_SIZE];
} header_t;

static void put16(header_t *header, size_t at, int16_t number) {
    uint16_t big = htobe16((uint16_t)number);
    memcpy(header->bytes + at, &big, sizeof(big));
}

static void put32(header_t *header, size_t at, int32_t number) {
    uint32_t big = htobe32((uint32_t)number);
    memcpy(header->bytes + at, &big, sizeof(big));
}

static void put64(header_t *header, size_t at, int64_t number) {
    uint64_t big = htobe64((uint64_t)number);
    memcpy(header->bytes + at, &big, sizeof(big));
}

/* The fields that are not set are 0, which the broker fills in. */
static header_t header_of(const records_t *records) {
    header_t header = {{0}};
    size_t after_crc = RD_KAFKAP_MSGSET_V2_OF_Attributes;
    size_t before_length = RD_KAFKAP_MSGSET_V2_OF_Length + 4;
    put32(&header, RD_KAFKAP_MSGSET_V2_OF_Length,
          (int32_t)(sizeof(header.bytes) - before_length + records->len));
    header.bytes[RD_KAFKAP_MSGSET_V2_OF_MagicByte] = 2;
    put16(&header, RD_KAFKAP_MSGSET_V2_OF_Attributes, (int16_t)records->codec);
    put32(&header, RD_KAFKAP_MSGSET_V2_OF_LastOffsetDelta, records->count - 1);
    put64(&header, RD_KAFKAP_MSGSET_V2_OF_BaseTimestamp, records->first_timestamp);
    put64(&header, RD_KAFKAP_MSGSET_V2_OF_MaxTimestamp, records->last_timestamp);
    put64(&header, RD_KAFKAP_MSGSET_V2_OF_ProducerId, -1);
    put16(&header, RD_KAFKAP_MSGSET_V2_OF_ProducerEpoch, -1);
    put32(&header, RD_KAFKAP_MSGSET_V2_OF_BaseSequence, -1);
    put32(&header, RD_KAFKAP_MSGSET_V2_OF_RecordCount, records->count);
    uint32_t crc = rd_crc32c(0, header.bytes + after_crc, sizeof(header.bytes) - after_crc);
    put32(&header, RD_KAFKAP_MSGSET_V2_OF_CRC,
          (int32_t)rd_crc32c(crc, records->bytes, records->len));
    return header;
}

/* ---- the request ---- */

static rd_kafka_buf_t *new_request(rd_kafka_broker_t *broker, const rd_kafka_topic_t *topic,
                                   int16_t version) {
    size_t size = MOST_OVERHEAD + RD_KAFKAP_STR_SIZE(topic->rkt_topic) +
                  RD_KAFKAP_STR_SIZE(topic->rkt_rk->rk_eos.transactional_id);
    rd_kafka_buf_t *request = rd_kafka_buf_new_flexver_request(broker, RD_KAFKAP_Produce, 4, size,
                                                               version >= COMPACT_VERSION);
    rd_kafka_buf_ApiVersion_set(request, version, RD_KAFKA_FEATURE_MSGVER2);
    return request;
}

static void write_request(rd_kafka_buf_t *request, const rd_kafka_toppar_t *partition,
                          const records_t *records) {
    const rd_kafka_topic_t *topic = partition->rktp_rkt;
    header_t header = header_of(records);
    rd_kafka_buf_write_kstr(request, topic->rkt_rk->rk_eos.transactional_id);
    rd_kafka_buf_write_i16(request, topic->rkt_conf.required_acks);
    rd_kafka_buf_write_i32(request, topic->rkt_conf.request_timeout_ms);
    rd_kafka_buf_write_arraycnt(request, 1); /* Topics */
    rd_kafka_buf_write_kstr(request, topic->rkt_topic);
    rd_kafka_buf_write_arraycnt(request, 1); /* Partitions */
    rd_kafka_buf_write_i32(request, partition->rktp_partition);
    rd_kafka_buf_write_arraycnt(request, sizeof(header.bytes) + records->len);
    rd_kafka_buf_write(request, header.bytes, sizeof(header.bytes));
    rd_kafka_buf_push(request, records->bytes, records->len, rd_free);
    rd_kafka_buf_write_tags_empty(request); /* Of the partition, */
    rd_kafka_buf_write_tags_empty(request); /* and of the topic. */
}

/* What the statistics tell. */
static void count_batch(rd_kafka_broker_t *broker, rd_kafka_toppar_t *partition,
                        const rd_kafka_msgq_t *bundles, const records_t *records) {
    rd_ts_t now = rd_clock();
    rd_kafka_msg_t *message;
    rd_atomic64_add(&partition->rktp_c.tx_msgs, records->count);
    rd_atomic64_add(&partition->rktp_c.tx_msg_bytes, (int64_t)records->value_bytes);
    TAILQ_FOREACH(message, &bundles->rkmq_msgs, rkm_link) {
        rd_avg_add(&broker->rkb_avg_int_latency, now - message->rkm_ts_enq);
    }
}

rd_kafka_buf_t *krs_rd_write_batch(rd_kafka_broker_t *broker, rd_kafka_toppar_t *partition,
                                   rd_kafka_msgq_t *queue, size_t *size) {
    const rd_kafka_pid_t nobody = RD_KAFKA_PID_INITIALIZER;
    rd_kafka_msgq_t bundles = RD_KAFKA_MSGQ_INITIALIZER(bundles);
    size_t most = take_bundles(partition, queue, &bundles);
    if (RD_KAFKA_MSGQ_EMPTY(&bundles)) {
        return NULL;
    }
    const rd_kafka_topic_t *topic = partition->rktp_rkt;
    format_t format = format_for(broker, topic);
    records_t records = write_records(&bundles, most);
    if (format.codec != RD_KAFKA_COMPRESSION_NONE) {
        compress_records(broker, format.codec, topic->rkt_conf.compression_level, &records);
    }
    rd_kafka_buf_t *request = new_request(broker, topic, format.version);
    write_request(request, partition, &records);
    count_batch(broker, partition, &bundles, &records);
    *size = RD_KAFKAP_MSGSET_V2_SIZE + records.len;
    rd_kafka_msgbatch_t *batch = &request->rkbuf_batch;
    rd_kafka_msgbatch_init(batch, partition, nobody, 0);
    rd_kafka_msgq_move(&batch->msgq, &bundles);
    rd_kafka_msgbatch_ready_produce(batch);
    batch->msgq.rkmq_msg_cnt = records.count;
    return request;
}

void krs_rd_count_bundles(rd_kafka_msgq_t *batch) {
    const rd_kafka_msg_t *message = rd_kafka_msgq_first(batch);
    if (message != NULL && is_bundle(message)) {
        batch->rkmq_msg_cnt = 0;
        TAILQ_FOREACH(message, &batch->rkmq_msgs, rkm_link) { batch->rkmq_msg_cnt++; }
    }
}
