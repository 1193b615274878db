/* In place of OpenSSL's own headers, which need not be found: librdkafka's structs hold pointers to
 * its types, and nothing here follows them. */
#ifndef KRS_RD_OPENSSL_H
#define KRS_RD_OPENSSL_H

#define OPENSSL_VERSION_NUMBER 0x10100000L
#define OPENSSL_NO_ENGINE
#define STACK_OF(type) struct stack_st_##type

typedef struct engine_st ENGINE;
typedef struct evp_md_st EVP_MD;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;
typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE;

#endif
