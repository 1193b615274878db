/* What the parts of the reference, a program straight on librdkafka, share. */
#ifndef RAW_H
#define RAW_H

#include "bench.h"

#include <rdkafka.h>

rd_kafka_conf_t *raw_conf(const work_t *work, bool consumer);
rd_kafka_t *raw_open(rd_kafka_type_t type, rd_kafka_conf_t *conf);
/* Subscribes to the topic of the work. */
void raw_subscribe(rd_kafka_t *client, const work_t *work);
void raw_fill(const work_t *work);
void raw_topic(const work_t *work);
void raw_produce(const work_t *work);
void raw_threads(const work_t *work);
void raw_latency(const work_t *work);
void raw_consumers(const work_t *work);
void raw_idle(const work_t *work);

void raw_poll(const work_t *work);
void raw_event(const work_t *work);
void raw_batch(const work_t *work);
void raw_callback(const work_t *work);

#endif
