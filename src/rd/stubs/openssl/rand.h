/* See ssl.h. */
#include <openssl/ssl.h>
