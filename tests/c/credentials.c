/* Promises on who a client says it is: passwords and tokens, on a broker that wants them. */
#include "flow.h"

enum { AUTHENTICATION = -169 }; /* _AUTHENTICATION */

#define SECURED                                                                                    \
    "security.protocol", "SASL_PLAINTEXT", "reconnect.backoff.max.ms", "200", "linger.ms", "0",    \
        "sasl.mechanisms"

/* Sends a message; what comes meanwhile is passed over. */
static void expect_delivered(krs_client producer, krs_batch **batch, const char *topic) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_row row = KRS_ROW_INIT;
    message.topic = topic_of(producer, topic);
    message.value = bytes("x");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    poll_kind(producer, batch, &row, KRS_EVENT_REPORT);
    CHECK(row.code == KRS_OK, "%s", krs_error_name(row.code));
}

static bool says(const krs_row *row, const char *what) {
    char text[1024] = "";
    size_t len = row->value.len < sizeof text - 1 ? row->value.len : sizeof text - 1;
    memcpy(text, row->value.data, len);
    return strstr(text, what) != NULL;
}

static void expect_error(krs_client client, krs_batch **batch, const char *what) {
    krs_row row = KRS_ROW_INIT;
    do {
        poll_kind(client, batch, &row, KRS_EVENT_ERROR);
        CHECK(!says(&row, "secret"), "the password is told");
    } while (row.code != AUTHENTICATION || !says(&row, what));
}

static void a_password_that_is_set_counts_from_the_next_connection_on(void) {
    const char *topic = fresh_name("password");
    krs_client producer = open_client(KRS_PRODUCER, SECURED, "PLAIN", "sasl.username", "alice",
                                      "sasl.password", "wrong-secret", (char *)NULL);
    krs_batch *batch = NULL;
    expect_error(producer, &batch, "");
    OK(krs_client_set_sasl(producer, "alice", "alice-secret", &err));
    expect_delivered(producer, &batch, topic);
    /* What is open stays open. */
    OK(krs_client_set_sasl(producer, "nobody", "wrong-secret", &err));
    expect_delivered(producer, &batch, topic);
    EXPECT(KRS_ERR_STATE,
           krs_client_set_token(producer, "a.b.c", INT64_MAX / 2, "alice", NULL, 0, &err));
    EXPECT(KRS_ERR_STATE, krs_client_token_failed(producer, "no", &err));
    krs_batch_free(batch);
    close_client(producer);
}

/* Appends the base64url of a text, without padding. */
static void encode(char *out, const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strlen(text);
    out += strlen(out);
    for (size_t bit = 0; bit < len * 8; bit += 6) {
        unsigned two = (unsigned)(unsigned char)text[bit / 8] << 8;
        two |= (unsigned char)text[bit / 8 + 1]; /* Its NUL, at the end. */
        *out++ = digits[two >> (10 - bit % 8) & 63];
    }
    *out = '\0';
}

static void set_token(krs_client client, int seconds_good) {
    char claims[128], token[512] = "";
    const char *extensions[] = {"purpose", "test"};
    long now = (long)time(NULL);
    snprintf(claims, sizeof claims, "{\"sub\":\"alice\",\"iat\":%ld,\"exp\":%ld}", now,
             now + seconds_good);
    encode(token, "{\"alg\":\"none\"}");
    strcat(token, ".");
    encode(token, claims);
    strcat(token, ".");
    OK(krs_client_set_token(client, token, (now + seconds_good) * 1000LL, "alice", extensions, 2,
                            &err));
}

static void expect_question(krs_client client, krs_batch **batch) {
    krs_row row = KRS_ROW_INIT;
    poll_kind(client, batch, &row, KRS_EVENT_TOKEN_REFRESH);
    CHECK(says(&row, "realm=test"), "%.*s", (int)row.value.len, (const char *)row.value.data);
}

static void a_token_is_asked_for_in_time_and_its_failure_is_told(void) {
    const char *topic = fresh_name("token");
    krs_client producer = open_client(KRS_PRODUCER, SECURED, "OAUTHBEARER",
                                      "sasl.oauthbearer.config", "realm=test", (char *)NULL);
    krs_batch *batch = NULL;
    double failed, given;
    expect_question(producer, &batch);
    OK(krs_client_token_failed(producer, "the vault is closed", &err));
    failed = seconds();
    expect_error(producer, &batch, "the vault is closed");
    expect_question(producer, &batch);
    CHECK(seconds() - failed > 5, "asked again after %.1f s", seconds() - failed);

    EXPECT(KRS_ERR_INVALID_ARG,
           krs_client_set_token(producer, "a.b.c", 1000, "alice", NULL, 0, &err));
    CHECK(strlen(err.message) > 0, "no reason");
    set_token(producer, 6);
    given = seconds();
    expect_delivered(producer, &batch, topic);
    expect_question(producer, &batch);
    CHECK(seconds() - given < 6, "asked for the next only after %.1f s", seconds() - given);
    set_token(producer, 3600);
    expect_delivered(producer, &batch, topic);
    printf("asked again %.0f s after a failure; the next token was asked for before the end\n",
           given - failed);
    krs_batch_free(batch);
    close_client(producer);
}

TESTS(TEST(a_password_that_is_set_counts_from_the_next_connection_on),
      TEST(a_token_is_asked_for_in_time_and_its_failure_is_told))
