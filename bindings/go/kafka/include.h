/* The header of the library: of this checkout, or the one that pkg-config found. */
#ifndef KRSGO_INCLUDE_H
#define KRSGO_INCLUDE_H

#ifdef KRS_FROM_CHECKOUT
#if !__has_include("built.h")
/* An #error would be followed by many others. */
#include "libkafka_rs is not built: run `make` in the root of kafka_rs, or use -tags dynamic with an installed one"
#endif
#include "built.h"
/* In what is compiled, too: where that stays the same, Go takes a program that is there as up to date. */
static const char krsgo_built[] __attribute__((used)) = KRS_BUILT;
#include "kafka_rs.h"
#else
#include <kafka_rs.h>
#endif

#endif
