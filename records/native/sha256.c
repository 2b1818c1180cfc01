/* SHA-256 (FIPS 180-4 §6.2), in plain C and with the SHA instructions of x86-64. Time depends on lengths alone. */
#include "sha256.h"
#include "blind.h"

#include <string.h>

static const uint32_t START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

typedef void compression(uint32_t state[8], const uint8_t *bytes, size_t blocks);

static uint32_t read32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static uint32_t right(uint32_t value, int bits) { return value >> bits | value << (32 - bits); }

static void expand(uint32_t w[64], const uint8_t *bytes) {
    for (int t = 0; t < 16; t++) w[t] = read32(bytes + 4 * t);
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = right(w[t - 15], 7) ^ right(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = right(w[t - 2], 17) ^ right(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
}

/* Round n of eight: the letters a to h move on by one place each round, so that none is copied. */
static inline void round_of(uint32_t v[8], int n, uint32_t kw) {
    uint32_t a = v[-n & 7], b = v[(1 - n) & 7], c = v[(2 - n) & 7];
    uint32_t e = v[(4 - n) & 7], f = v[(5 - n) & 7], g = v[(6 - n) & 7];
    uint32_t one = v[(7 - n) & 7] + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + kw;
    v[(3 - n) & 7] += one;
    v[(7 - n) & 7] = one + (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

static void compress_plain(uint32_t state[8], const uint8_t *bytes, size_t blocks) {
    for (; blocks; blocks--, bytes += BLOCK_BYTES) {
        uint32_t w[64], v[8];
        expand(w, bytes);
        memcpy(v, state, sizeof v);
        for (int t = 0; t < 64; t += 8)
#pragma GCC unroll 8
            for (int n = 0; n < 8; n++) round_of(v, n, K[t + n] + w[t + n]);
        for (int n = 0; n < 8; n++) state[n] += v[n];
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* The instructions keep a, b, e, f in one register and c, d, g, h in the other, and do two rounds each. */
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_x86(uint32_t s[8], const uint8_t *bytes, size_t blocks) {
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i abef = _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]);
    __m128i cdgh = _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]);
    for (; blocks; blocks--, bytes += BLOCK_BYTES) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];
        for (int n = 0; n < 4; n++) w[n] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * n)), swap);
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++) { /* four rounds */
            if (n >= 4) {
                __m128i sum = _mm_sha256msg1_epu32(w[n & 3], w[(n + 1) & 3]);
                sum = _mm_add_epi32(sum, _mm_alignr_epi8(w[(n + 3) & 3], w[(n + 2) & 3], 4));
                w[n & 3] = _mm_sha256msg2_epu32(sum, w[(n + 3) & 3]);
            }
            __m128i wk = _mm_add_epi32(w[n & 3], _mm_loadu_si128((const __m128i *)(K + 4 * n)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    s[0] = (uint32_t)_mm_extract_epi32(abef, 3), s[1] = (uint32_t)_mm_extract_epi32(abef, 2);
    s[4] = (uint32_t)_mm_extract_epi32(abef, 1), s[5] = (uint32_t)_mm_extract_epi32(abef, 0);
    s[2] = (uint32_t)_mm_extract_epi32(cdgh, 3), s[3] = (uint32_t)_mm_extract_epi32(cdgh, 2);
    s[6] = (uint32_t)_mm_extract_epi32(cdgh, 1), s[7] = (uint32_t)_mm_extract_epi32(cdgh, 0);
}

static compression *fastest(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return compress_plain;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA)) return compress_plain;
    return compress_x86;
}
#else
static compression *fastest(void) { return compress_plain; }
#endif

static compression *compress = compress_plain;

__attribute__((constructor)) static void choose(void) { compress = fastest(); }

void use_portable(int portable) { compress = portable ? compress_plain : fastest(); }

void hash_start(hash *h) { hash_resume(h, START, 0); }

/* Go on from a state that has taken whole blocks only. */
void hash_resume(hash *h, const uint32_t state[8], uint64_t total) {
    memcpy(h->state, state, sizeof h->state);
    h->total = total;
}

void hash_add(hash *h, const uint8_t *bytes, size_t length) {
    size_t filled = h->total % BLOCK_BYTES;
    h->total += length;
    if (filled) {
        size_t taken = length < BLOCK_BYTES - filled ? length : BLOCK_BYTES - filled;
        memcpy(h->block + filled, bytes, taken);
        bytes += taken, length -= taken;
        if (filled + taken < BLOCK_BYTES) return;
        compress(h->state, h->block, 1);
    }
    compress(h->state, bytes, length / BLOCK_BYTES);
    memcpy(h->block, bytes + length / BLOCK_BYTES * BLOCK_BYTES, length % BLOCK_BYTES);
}

void hash_end(hash *h, uint8_t out[HASH_BYTES]) {
    size_t filled = h->total % BLOCK_BYTES;
    uint64_t bits = h->total * 8;
    h->block[filled++] = 0x80;
    if (filled > BLOCK_BYTES - 8) {
        memset(h->block + filled, 0, BLOCK_BYTES - filled);
        compress(h->state, h->block, 1);
        filled = 0;
    }
    memset(h->block + filled, 0, BLOCK_BYTES - 8 - filled);
    write32(h->block + BLOCK_BYTES - 8, (uint32_t)(bits >> 32));
    write32(h->block + BLOCK_BYTES - 4, (uint32_t)bits);
    compress(h->state, h->block, 1);
    for (int n = 0; n < 8; n++) write32(out + 4 * n, h->state[n]);
}

void sha256(const uint8_t *text, size_t length, uint8_t *out) {
    hash h;
    hash_start(&h);
    hash_add(&h, text, length);
    hash_end(&h, out);
}
