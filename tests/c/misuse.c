/* Whatever a caller does wrong gets a clear error, and nothing crashes. */
#include "check.h"

/* The message must name what was wrong. */
#define REFUSED(expected, naming, call)                                                            \
    do {                                                                                           \
        EXPECT(expected, call);                                                                    \
        CHECK(strstr(err.message, naming) != NULL, "\"%s\" does not name %s", err.message,         \
              naming);                                                                             \
    } while (0)

static void null_is_an_error_that_names_the_argument(void) {
    krs_conf *conf = NULL;
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_chan chan = new_chan(1);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    const int32_t brokers = 1;
    krs_new_topic topics[] = {KRS_NEW_TOPIC_INIT, KRS_NEW_TOPIC_INIT};
    krs_message message = KRS_MESSAGE_INIT;
    krs_bytes bad = {NULL, 5};
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    REFUSED(KRS_ERR_ARGUMENT, "conf", krs_conf_new(KRS_PRODUCER, NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "kind", krs_conf_new(3, &conf, &err));
    REFUSED(KRS_ERR_ARGUMENT, "name", krs_conf_set(conf, NULL, "x", &err));
    REFUSED(KRS_ERR_ARGUMENT, "value", krs_conf_set(conf, "acks", NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "value", krs_conf_set(conf, "acks", "\xff\xfe", &err));
    REFUSED(KRS_ERR_ARGUMENT, "conf", krs_conf_set(NULL, "acks", "1", &err));
    REFUSED(KRS_ERR_ARGUMENT, "conf", krs_client_open(NULL, &producer, &err));
    REFUSED(KRS_ERR_ARGUMENT, "client", krs_client_open(conf, NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "topic", krs_client_topic(producer, "t", NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "name", krs_client_topic(producer, "", &message.topic, &err));
    REFUSED(KRS_ERR_ARGUMENT, "message", krs_producer_send(producer, NULL, 0, &err));
    REFUSED(KRS_ERR_ARGUMENT, "topic", krs_producer_send(producer, &message, 0, &err));
    message.value = bad;
    REFUSED(KRS_ERR_ARGUMENT, "message.value", krs_producer_send(producer, &message, 0, &err));
    message.value = bytes("x");
    message.headers = bytes("not headers");
    REFUSED(KRS_ERR_ARGUMENT, "krs_headers_add", krs_producer_send(producer, &message, 0, &err));
    message.headers.data = NULL;
    message.headers.len = 0;
    message.partition = -2;
    REFUSED(KRS_ERR_ARGUMENT, "partition", krs_producer_send(producer, &message, 0, &err));
    message.struct_size = 8;
    REFUSED(KRS_ERR_ARGUMENT, "struct_size", krs_producer_send(producer, &message, 0, &err));
    topics[0].name = topics[1].name = "refused";
    /* As an older header would have it, but not so far apart. */
    topics[0].struct_size = offsetof(krs_new_topic, replicas);
    topics[0].replicas = &brokers;
    REFUSED(KRS_ERR_ARGUMENT, "as in the first",
            krs_admin_create_topics(producer, topics, 2, 0, 0, NULL, NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "batch", krs_chan_recv(chan, NULL, KRS_ALL, 1, 0, &view, &err));
    REFUSED(KRS_ERR_ARGUMENT, "view", krs_chan_recv(chan, &batch, KRS_ALL, 1, 0, NULL, &err));
    REFUSED(KRS_ERR_ARGUMENT, "index", krs_batch_row(batch, 0, &row, &err));
    REFUSED(KRS_ERR_ARGUMENT, "batch", krs_batch_row(NULL, 0, &row, &err));
    REFUSED(KRS_ERR_ARGUMENT, "flags", krs_producer_purge(producer, 8, &err));
    CHECK(krs_chan_new(1, NULL, NULL) == KRS_ERR_ARGUMENT, "err may be NULL");
    krs_batch_free(NULL);
    krs_conf_free(NULL);
    krs_batch_free(batch);
    krs_conf_free(conf);
    OK(krs_chan_free(chan, &err));
    close_client(producer);
}

static void a_stale_or_wrong_handle_is_told_from_a_live_one(void) {
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL), none = {0}, wrong;
    krs_topic topic = topic_of(producer, "t"), never = {topic.id + 1};
    krs_chan events = events_of(producer), chan;
    krs_message message = KRS_MESSAGE_INIT;
    size_t count;
    wrong.id = events.id;
    EXPECT(KRS_ERR_HANDLE, krs_producer_len(none, &count, &err));
    EXPECT(KRS_ERR_HANDLE, krs_producer_len(wrong, &count, &err));
    message.topic = never;
    EXPECT(KRS_ERR_HANDLE, krs_producer_send(producer, &message, 0, &err));
    EXPECT(KRS_ERR_ARGUMENT, krs_consumer_unsubscribe(producer, &err));
    EXPECT(KRS_ERR_ARGUMENT, krs_chan_close(events, &err));
    EXPECT(KRS_ERR_ARGUMENT, krs_chan_free(events, &err));
    close_client(producer);
    message.topic = topic;
    EXPECT(KRS_ERR_CLOSED, krs_producer_send(producer, &message, 0, &err));
    EXPECT(KRS_ERR_CLOSED, krs_client_close(producer, 0, NULL, &err));
    EXPECT(KRS_ERR_CLOSED, krs_client_fatal(producer, &err));
    /* Handles come and go; an old one never means a new thing. */
    for (int i = 0; i < 10000; i++) {
        krs_chan old = chan = new_chan(1);
        OK(krs_chan_free(chan, &err));
        chan = new_chan(1);
        CHECK(old.id != chan.id, "%" PRIx64, old.id);
        EXPECT(KRS_ERR_CLOSED, krs_chan_len(old, &count, NULL, &err));
        OK(krs_chan_free(chan, &err));
    }
}

static void a_topic_of_one_producer_is_no_topic_of_another(void) {
    krs_client first = open_client(KRS_PRODUCER, (char *)NULL);
    krs_client second = open_client(KRS_PRODUCER, (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = topic_of(first, "t");
    CHECK(topic_of(first, "t").id == message.topic.id, "interned");
    REFUSED(KRS_ERR_ARGUMENT, "another client", krs_producer_send(second, &message, 0, &err));
    CHECK(pending(second) == 0, "%zu", pending(second));
    close_client(first);
    close_client(second);
}

static void a_long_error_is_cut_at_a_whole_character(void) {
    char name[2000];
    krs_conf *conf = NULL;
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    for (size_t i = 0; i + 2 < sizeof name; i += 2) {
        memcpy(name + i, "\xc3\xa4", 3);
    }
    EXPECT(KRS_ERR_INVALID_ARG, krs_conf_set(conf, name, "x", &err));
    CHECK(err.flags & KRS_ERROR_TRUNCATED, "%u", err.flags);
    CHECK(err.message_len == strlen(err.message) && err.message_len >= 490, "%u", err.message_len);
    CHECK(((unsigned char)err.message[err.message_len - 1] & 0xc0) == 0x80, "half a character");
    krs_conf_free(conf);
}

static void configuration_reads_back_and_names_what_it_refuses(void) {
    krs_conf *conf = NULL;
    krs_client client = {0};
    char text[64];
    size_t len = 0;
    OK(krs_conf_new(KRS_CONSUMER, &conf, &err));
    OK(krs_conf_get(conf, "fetch.queue.backoff.ms", text, sizeof text, &len, &err));
    CHECK(strcmp(text, "5") == 0 && len == 1, "%s", text);
    OK(krs_conf_get(conf, "go.events.channel.size", text, sizeof text, &len, &err));
    CHECK(strcmp(text, "1000") == 0, "%s", text);
    OK(krs_conf_set_default_topic(conf, "auto.offset.reset", "earliest", &err));
    OK(krs_conf_get(conf, "auto.offset.reset", text, sizeof text, &len, &err));
    CHECK(strcmp(text, "smallest") == 0 || strcmp(text, "earliest") == 0, "%s", text);
    OK(krs_conf_get(conf, "client.id", NULL, 0, &len, &err));
    CHECK(len == strlen("rdkafka"), "%zu", len);
    REFUSED(KRS_ERR_ARGUMENT, "client.id", krs_conf_get(conf, "client.id", text, 3, &len, &err));
    REFUSED(KRS_ERR_INVALID_ARG, "session.timeout.ms",
            krs_conf_set(conf, "sesion.timeout.ms", "5", &err));
    REFUSED(KRS_ERR_INVALID_ARG, "producer", krs_conf_set(conf, "linger.ms", "5", &err));
    REFUSED(KRS_ERR_INVALID_ARG, "group.id", krs_client_open(conf, &client, &err));
    /* So there is no consumer without a group, whose close would be another. */
    OK(krs_conf_set(conf, "group.id", "", &err));
    REFUSED(KRS_ERR_INVALID_ARG, "group.id", krs_client_open(conf, &client, &err));
    OK(krs_conf_set(conf, "group.id", "g", &err));
    OK(krs_conf_set(conf, "session.timeout.ms", "400000", &err));
    REFUSED(KRS_ERR_INVALID_ARG, "session.timeout.ms", krs_client_open(conf, &client, &err));
    krs_conf_free(conf);
    CHECK(strcmp(krs_error_name(KRS_ERR_QUEUE_FULL), "_QUEUE_FULL") == 0, "name");
    CHECK(strcmp(krs_error_name(KRS_ERR_CLOSED), "CLOSED") == 0, "name");
    CHECK(strcmp(krs_error_name(12345), "UNKNOWN_CODE") == 0, "name");
}

static void a_secret_is_in_no_error_and_not_read_back(void) {
    static const char secret[] = "hunter2";
    static const char *const keys[] = {"sasl.password",
                                       "ssl.key.password",
                                       "ssl.key.pem",
                                       "ssl.keystore.password",
                                       "sasl.oauthbearer.config",
                                       "sasl.oauthbearer.client.secret",
                                       "sasl.oauthbearer.client.credentials.client.secret"};
    krs_conf *conf = NULL;
    char text[64];
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        krs_code code = krs_conf_set(conf, keys[i], secret, &err);
        CHECK(strstr(err.message, secret) == NULL, "%s: %s", keys[i], err.message);
        OK(krs_conf_get(conf, keys[i], text, sizeof text, NULL, &err));
        /* Refused where the build lacks what the key is for. */
        CHECK(strcmp(text, code == KRS_OK ? "[redacted]" : "") == 0, "%s: %s", keys[i], text);
        CHECK(krs_conf_set_default_topic(conf, keys[i], secret, &err) != KRS_OK, "%s", keys[i]);
        CHECK(strstr(err.message, secret) == NULL, "%s: %s", keys[i], err.message);
        CHECK(krs_conf_set(conf, keys[i], "hunter2\xff", &err) != KRS_OK, "%s", keys[i]);
        CHECK(strstr(err.message, secret) == NULL, "%s: %s", keys[i], err.message);
    }
    REFUSED(KRS_ERR_INVALID_ARG, "sasl.password", krs_conf_set(conf, "sasl.pasword", secret, &err));
    CHECK(strstr(err.message, secret) == NULL, "%s", err.message);
    krs_conf_free(conf);
}

static void a_mock_topic_without_bound_is_refused(void) {
    krs_mock toy = {0};
    OK(krs_mock_open(1, &toy, &err));
    REFUSED(KRS_ERR_ARGUMENT, "2147483647", krs_mock_topic(toy, "t", INT32_MAX, 1, &err));
    REFUSED(KRS_ERR_ARGUMENT, "2147483647", krs_mock_topic(toy, "t", 1, INT32_MAX, &err));
    OK(krs_mock_topic(toy, "t", 100, 1, &err));
    OK(krs_mock_close(toy, &err));
}

TESTS(TEST(null_is_an_error_that_names_the_argument),
      TEST(a_stale_or_wrong_handle_is_told_from_a_live_one),
      TEST(a_topic_of_one_producer_is_no_topic_of_another),
      TEST(a_long_error_is_cut_at_a_whole_character),
      TEST(configuration_reads_back_and_names_what_it_refuses),
      TEST(a_secret_is_in_no_error_and_not_read_back), TEST(a_mock_topic_without_bound_is_refused))
