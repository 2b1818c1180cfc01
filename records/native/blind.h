/* Calls of the library, read by the compiler and by cffi (records/crypto/native.py). Python's own types only. */

enum { PATH_LETTERS = 16, PATH_BYTES = 145 };

/* An HMAC-SHA256 that has taken its key: the hash's state after the inner and after the outer pad. */
typedef struct {
    uint32_t inner[8];
    uint32_t outer[8];
} mac_state;

/* Key an HMAC; a key has at most 64 bytes. */
void mac_start(const uint8_t *key, size_t length, mac_state *state);

/* For each of `count` texts, which stand one after the other with a byte 0 between them: `lead`, then the first `size`
   bytes of its HMAC. 0, or -1 when the texts are not as many. */
int mac_texts(const mac_state *state, const uint8_t *texts, size_t length, size_t count, uint8_t lead, size_t size,
              uint8_t *out);

/* For each of `count` paths one row (blind_index.path). A path is four texts: head, letters, and two ends, empty where it
   has fewer. Rows stand one after the other in `out`, which holds PATH_BYTES for each; their lengths are in `lengths`.
   0, or -1 when a path has more than PATH_LETTERS letters, or the texts are not as many. */
int mac_paths(const mac_state *state, const uint8_t *texts, size_t length, size_t count, uint8_t lead, uint8_t *out,
              uint32_t *lengths);

/* For each of `count` keys of 32 bytes 32 bytes of HKDF-SHA256 without salt; `info` ends with the byte 1. */
void derive_each(const uint8_t *keys, size_t count, const uint8_t *info, size_t length, uint8_t *out);

/* For each of `count` keys of 32 bytes the 32 bytes of its HMAC of one text. */
void mac_each(const uint8_t *keys, size_t count, const uint8_t *text, size_t length, uint8_t *out);

/* The SHA-256 of a text, for test vectors. */
void sha256(const uint8_t *text, size_t length, uint8_t *out);

/* Keep to plain C from now on, for tests; 0 takes the processor's instructions again where it has them. */
void use_portable(int portable);
