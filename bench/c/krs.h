/* What the parts of the program on kafka_rs.h share. */
#ifndef KRS_BENCH_H
#define KRS_BENCH_H

#include "bench.h"

#include <kafka_rs.h>

/* A client's events channel, and the batch that it is read into. */
typedef struct {
    krs_client client;
    krs_chan events;
    krs_batch *batch;
    krs_batch_view view;
    size_t taken, bytes, extras;
} drain_t;

void must(krs_code code, const krs_error *err, const char *what);
krs_client open_client(const work_t *work, uint32_t kind);
krs_client open_consumer(const work_t *work);
void close_client(krs_client client);
drain_t drain_of(krs_client client);
/* Takes up to ROWS rows, and counts those of this kind; false if none came in time. */
bool take_rows(drain_t *drain, uint8_t kind, int32_t timeout_ms);

void way_produce(const work_t *work);
void way_produce_batch(const work_t *work);
void way_threads(const work_t *work);
void way_latency(const work_t *work);

void way_batch(const work_t *work);
void way_poll(const work_t *work);
void way_consumers(const work_t *work);

#endif
