/* The packet kernel's records and calls. Read by gcc and, without its comments, by cffi (signaling/net/native.py):
 * so plain C types and plain numbers only. The reference in Python is signaling/net/plane.py. */

#define RELAY_MAX_STREAMS 48
#define RELAY_MAX_OUTPUTS 64
#define RELAY_SLOT_BYTES 2304
#define RELAY_MAX_LEFTOVERS 512
#define RELAY_SENT_SLOTS 8192
#define RELAY_MAX_ARRIVALS 4096
#define RELAY_MAX_COPIES 2

enum relay_kind { RELAY_JUNK, RELAY_STUN, RELAY_DTLS, RELAY_RTP, RELAY_RTCP, RELAY_GAP };
enum relay_codec { RELAY_AUDIO, RELAY_VP8, RELAY_VP9, RELAY_H264, RELAY_AV1 };
enum relay_drop {
    RELAY_DROP_JUNK, RELAY_DROP_STRANGER, RELAY_DROP_BEFORE_KEYS, RELAY_DROP_SRTP, RELAY_DROP_SRTCP, RELAY_DROP_RTP,
    RELAY_DROP_REPEATED, RELAY_DROP_PROTECT, RELAY_DROP_SEND, RELAY_DROP_LEFTOVER, RELAY_DROPS
};

typedef struct { uint8_t ip[16]; uint16_t port; } relay_address; /* IPv4 is v4-mapped; port in host order */

typedef struct relay_peer relay_peer;
typedef struct relay_stream relay_stream;
typedef struct relay_output relay_output;
typedef struct relay relay;

typedef struct { double at; int64_t number; } relay_arrival;
typedef struct { double at; uint32_t bytes; uint32_t number; } relay_sent;
typedef struct { uint16_t sequence; uint16_t size; uint8_t *data; } relay_kept;

/* What subscribers' transport-wide feedback said since Python last looked: the estimator's input. */
typedef struct {
    int64_t received, lost, acked_bytes;
    double delay_sum, delay_min, delay_last, first_at, last_at;
} relay_path;

/* A recorder's channel: how much of it was given, and what it had no room for. */
typedef struct { int fd; uint32_t dropped; int64_t sent; } relay_tap;

struct relay_peer {
    void *rx, *tx; /* srtp_t; NULL before the handshake */
    relay_address address;
    int has_address;
    int wide_id;            /* the publisher's id of the transport-wide extension, 0 for none */
    uint16_t wide_sequence; /* next to this subscriber */
    double heard_at;
    int stream_count, pending_first, pending_last, is_pending;
    relay_stream *streams[RELAY_MAX_STREAMS];
    int arrival_count;
    relay_arrival *arrivals; /* of the publisher's numbered packets since the last feedback */
    int64_t wide_near, feedback_base;
    uint32_t feedback_number, ssrc;
    relay_sent *sent; /* ring by wide_sequence */
    relay_path path;
    relay_peer *next_pending, *next_reporting; /* in a list while packets, arrivals wait */
    int is_reporting;
};

struct relay_stream {
    relay_peer *peer;
    uint32_t ssrc, clock_rate;
    int is_video, codec, payload_type, is_muted, awaits_keyframe, level_id, output_count, wants_keyframe_check;
    relay_stream *repaired;
    relay_output *outputs[RELAY_MAX_OUTPUTS];
    int64_t base, highest, received, octets; /* base -1: nothing yet */
    double jitter, transit, last_arrival;
    int64_t level_sum, level_count;
    int history_size;
    relay_kept *history;
    uint8_t *history_data;
    int red_payload_type;   /* of packets that carry earlier frames again, 0 for none */
    int64_t restored;       /* of the received ones, those that only came again in a later packet */
    uint8_t passed[16]; /* the publisher's extension id -> the relay's own number, 0 for not passed on */
    relay_tap *tap;     /* NULL: not recorded */
    int tap_track;
};

struct relay_output {
    relay_stream *stream;
    relay_peer *peer;
    relay_output *replaces; /* goes on with its numbers at the first key frame */
    uint32_t ssrc, rtx_ssrc;
    int traffic_class, payload_type, rtx_payload_type, is_on, waits, follows;
    uint16_t sequence_offset, rtx_sequence, last_sequence;
    uint32_t timestamp_offset, last_timestamp;
    int64_t packets, octets;
    double sent_at;
    int mid_id, mid_size, time_id, wide_id;
    uint8_t mid[16];
    uint8_t passed[16]; /* the relay's own number -> this subscriber's id */
    int red_payload_type, copy_count, copies[RELAY_MAX_COPIES]; /* packets back, farthest first; count 0 sends plain */
    int picture_offset, level_offset, last_picture, last_level, pictures_follow; /* last ones as sent, -1 for none */
};

typedef struct {
    int kind, size;
    relay_peer *peer;
    relay_stream *stream;
    relay_address address;
    uint8_t *data;
} relay_leftover;

typedef struct { int64_t datagrams, packets_in, packets_out, dropped[16]; } relay_counters;

typedef struct { void *protect, *unprotect, *protect_rtcp, *unprotect_rtcp; } relay_srtp;

/* control_class: the IP header's byte for what is not media; -1: no packet is marked at all */
relay *relay_open(int fd, int is_v6, int segmentation, int control_class, const relay_srtp *srtp);
void relay_close(relay *r);
relay_counters *relay_totals(relay *r);
relay_leftover *relay_leftovers(relay *r);

relay_peer *relay_open_peer(void);
void relay_close_peer(relay *r, relay_peer *peer);
int relay_bind(relay *r, const relay_address *address, relay_peer *peer); /* peer NULL unbinds; -1: table full */

relay_stream *relay_add_stream(relay_peer *peer, int history_size); /* NULL: the peer has too many */
relay_output *relay_add_output(relay_stream *stream);               /* NULL: the stream has too many */
void relay_remove_stream(relay_stream *stream);
void relay_remove_output(relay_output *output);

int relay_poll(relay *r, double now, int most); /* returns how many leftovers */
int relay_serve(relay *r, int loop_fd, double timeout_s); /* polls until loop_fd, time or leftovers want Python */
void relay_admit_strangers(relay *r, int most); /* of unknown addresses: so many RTP and RTCP become leftovers */
int relay_strangers(relay *r);                  /* how many more */
void relay_inject(relay *r, relay_stream *stream, const uint8_t *packet, int size, double now);
int relay_retransmit(relay *r, relay_output *output, const uint16_t *sequences, int count, double now);
void relay_send(relay *r, const relay_address *address, const uint8_t *data, int size);
void relay_send_rtcp(relay *r, relay_peer *peer, const uint8_t *data, int size);
void relay_send_feedback(relay *r); /* to every publisher with arrivals; leaves with the next serve or poll */
int relay_history(relay_stream *stream, int sequence); /* slot, or -1 */
int relay_starts_keyframe(int codec, const uint8_t *payload, int size);
void relay_clear_path(relay_peer *peer);
void relay_note_feedback(relay_peer *peer, const uint8_t *body, int size, double now);
