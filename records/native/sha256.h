/* SHA-256 (FIPS 180-4): a compression function, and a hash under way. */
#ifndef RECORDS_SHA256_H
#define RECORDS_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, BLOCK_BYTES = 64 };

/* A hash under way; `total` counts all bytes, those of a pad before it included. */
typedef struct {
    uint32_t state[8];
    uint64_t total;
    uint8_t block[BLOCK_BYTES];
} hash;

void hash_start(hash *h);
void hash_resume(hash *h, const uint32_t state[8], uint64_t total);
void hash_add(hash *h, const uint8_t *bytes, size_t length);
void hash_end(hash *h, uint8_t out[HASH_BYTES]);

#endif
