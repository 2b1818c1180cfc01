/* HMAC-SHA256 (RFC 2104), blind index rows and HKDF (RFC 5869), many at a time. The reference is records/crypto. */
#include "sha256.h"
#include "blind.h"

#include <string.h>

enum { LEVEL_BYTES = 8, END_BYTES = 16, PADDED_LEVELS = 4 }; /* as in records/crypto/blind_index.py */

static void key_pad(const uint8_t *key, size_t length, uint8_t with, uint32_t state[8]) {
    uint8_t pad[BLOCK_BYTES];
    hash h;
    memset(pad, with, sizeof pad);
    for (size_t n = 0; n < length; n++) pad[n] ^= key[n];
    hash_start(&h);
    hash_add(&h, pad, sizeof pad);
    memcpy(state, h.state, sizeof h.state);
}

void mac_start(const uint8_t *key, size_t length, mac_state *state) {
    key_pad(key, length, 0x36, state->inner);
    key_pad(key, length, 0x5c, state->outer);
}

static void mac_end(const mac_state *state, hash *inner, uint8_t out[HASH_BYTES]) {
    hash outer;
    hash_end(inner, out);
    hash_resume(&outer, state->outer, BLOCK_BYTES);
    hash_add(&outer, out, HASH_BYTES);
    hash_end(&outer, out);
}

static void mac(const mac_state *state, const uint8_t *text, size_t length, uint8_t out[HASH_BYTES]) {
    hash inner;
    hash_resume(&inner, state->inner, BLOCK_BYTES);
    hash_add(&inner, text, length);
    mac_end(state, &inner, out);
}

/* Where the text ends that begins at `begin`. */
static const uint8_t *end_of(const uint8_t *begin, const uint8_t *last) {
    const uint8_t *found = memchr(begin, 0, (size_t)(last - begin));
    return found ? found : last;
}

int mac_texts(const mac_state *state, const uint8_t *texts, size_t length, size_t count, uint8_t lead, size_t size,
              uint8_t *out) {
    const uint8_t *begin = texts, *last = texts + length;
    for (size_t n = 0; n < count; n++, out += 1 + size) {
        uint8_t digest[HASH_BYTES];
        if (begin > last) return -1;
        const uint8_t *end = end_of(begin, last);
        mac(state, begin, (size_t)(end - begin), digest);
        out[0] = lead;
        memcpy(out + 1, digest, size);
        begin = end + 1;
    }
    return begin == last + 1 ? 0 : -1;
}

/* The four texts of one path; `begin` moves on to the next. -1 when there are no four. */
static int take_path(const uint8_t **begin, const uint8_t *last, const uint8_t *from[4], size_t lengths[4]) {
    for (int n = 0; n < 4; n++) {
        if (*begin > last) return -1;
        from[n] = *begin;
        const uint8_t *end = end_of(*begin, last);
        lengths[n] = (size_t)(end - *begin);
        *begin = end + 1;
    }
    return 0;
}

/* A level for each letter: the HMAC of the head and the letters so far. `digest` is the last one; -1 for too many. */
static int add_levels(const mac_state *state, hash *so_far, const uint8_t *letters, size_t length, uint8_t **out,
                      uint8_t digest[HASH_BYTES]) {
    int count = 0;
    for (size_t at = 0; at < length; count++) {
        size_t width = 1;
        if (count == PATH_LETTERS) return -1;
        while (at + width < length && (letters[at + width] & 0xc0) == 0x80) width++; /* the rest of a UTF-8 letter */
        hash_add(so_far, letters + at, width);
        hash copy = *so_far;
        mac_end(state, &copy, digest);
        memcpy(*out, digest, LEVEL_BYTES);
        *out += LEVEL_BYTES;
        at += width;
    }
    return count;
}

static int add_path(const mac_state *state, const uint8_t *from[4], const size_t lengths[4], uint8_t **out) {
    uint8_t digest[HASH_BYTES] = {0};
    hash so_far;
    hash_resume(&so_far, state->inner, BLOCK_BYTES);
    hash_add(&so_far, from[0], lengths[0]);
    int letters = add_levels(state, &so_far, from[1], lengths[1], out, digest);
    if (letters < 0) return -1;
    size_t padding = (size_t)(-letters & (PADDED_LEVELS - 1)) * LEVEL_BYTES;
    memcpy(*out, digest + LEVEL_BYTES, padding); /* at most the last HMAC's other 24 bytes */
    *out += padding;
    int ends = (lengths[2] > 0) + (lengths[3] > 0);
    for (int n = 2; n < 2 + ends; n++) {
        mac(state, from[n], lengths[n], digest);
        memcpy(*out, digest, (size_t)(END_BYTES / ends));
        *out += END_BYTES / ends;
    }
    return 0;
}

int mac_paths(const mac_state *state, const uint8_t *texts, size_t length, size_t count, uint8_t lead, uint8_t *out,
              uint32_t *lengths) {
    const uint8_t *begin = texts, *last = texts + length;
    for (size_t n = 0; n < count; n++) {
        const uint8_t *from[4], *row = out;
        size_t each[4];
        if (take_path(&begin, last, from, each)) return -1;
        *out++ = lead;
        if (add_path(state, from, each, &out)) return -1;
        lengths[n] = (uint32_t)(out - row);
    }
    return begin == last + 1 ? 0 : -1;
}

void mac_each(const uint8_t *keys, size_t count, const uint8_t *text, size_t length, uint8_t *out) {
    for (size_t n = 0; n < count; n++) {
        mac_state state;
        mac_start(keys + n * HASH_BYTES, HASH_BYTES, &state);
        mac(&state, text, length, out + n * HASH_BYTES);
    }
}

void derive_each(const uint8_t *keys, size_t count, const uint8_t *info, size_t length, uint8_t *out) {
    static const uint8_t no_salt[HASH_BYTES] = {0};
    mac_state extract;
    mac_start(no_salt, sizeof no_salt, &extract);
    for (size_t n = 0; n < count; n++) {
        uint8_t pseudorandom[HASH_BYTES];
        mac_state state;
        mac(&extract, keys + n * HASH_BYTES, HASH_BYTES, pseudorandom);
        mac_start(pseudorandom, sizeof pseudorandom, &state);
        mac(&state, info, length, out + n * HASH_BYTES);
    }
}
