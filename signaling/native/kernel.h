/* What the kernel's own files share beside relay.h. */
#ifndef KERNEL_H
#define KERNEL_H

#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "relay.h"

#define BATCH 64                /* datagrams a recvmmsg */
#define OUT_SLOTS 2048          /* packets written before they must be flushed */
#define MAX_DATAGRAM 2048       /* signaling/media/guard.py MAX_DATAGRAM_BYTES */
#define MAX_SEGMENTS 64         /* UDP_MAX_SEGMENTS of Linux 4.18 */
#define MAX_BATCH_BYTES 65000   /* one UDP datagram before it is cut */
#define TABLE_SLOTS 16384       /* addresses, open addressing, at most three quarters full */
#define TABLE_MOST 12288
#define KEPT_BYTES 1600         /* larger packets than any path MTU are forwarded and not kept */
#define MAX_TRAILER 20          /* GCM tag, and room for RTCP's index */

typedef int (*srtp_call)(void *session, void *packet, int *size);

typedef struct { relay_address address; relay_peer *peer; int state; } table_slot; /* state 0 free, 1 used, 2 removed */
typedef struct { int size, next, traffic_class; } out_packet;

typedef struct {
    int marker, payload_type, size, payload_at, payload_end, extension_at, profile;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
} rtp_header;

struct relay {
    int fd, is_v6, segmentation, control_class;
    double due, found_at; /* of the next poll; the last datagram */
    srtp_call protect, unprotect, protect_rtcp, unprotect_rtcp;
    relay_counters totals;
    table_slot *table;
    int table_used;
    uint8_t *in;
    struct mmsghdr in_messages[BATCH];
    struct iovec in_vectors[BATCH];
    struct sockaddr_storage in_addresses[BATCH];
    uint8_t in_control[BATCH][64];
    relay_leftover leftovers[RELAY_MAX_LEFTOVERS];
    uint8_t *leftover_data;
    int leftover_count, strangers;
    uint8_t *out;
    out_packet packets[OUT_SLOTS];
    int out_count;
    relay_peer *pending, *pending_tail, *reporting;
};

#define RED_MAX_BLOCKS 8

typedef struct { int offset, size; const uint8_t *data; } red_frame;

typedef struct { int picture, is_wide, level; } picture_places; /* offsets in a payload, 0 for none */

uint16_t get16(const uint8_t *p);
uint32_t get32(const uint8_t *p);
void put16(uint8_t *p, uint16_t v);
void put32(uint8_t *p, uint32_t v);

relay_peer *table_find(relay *r, const relay_address *address);
void address_from(relay_address *to, const struct sockaddr_storage *from);
socklen_t address_to(const relay *r, struct sockaddr_storage *to, const relay_address *from);

int parse_rtp(rtp_header *h, const uint8_t *data, int size);
const uint8_t *find_extension(const uint8_t *data, const rtp_header *h, int number, int *size);
int classify(const uint8_t *data, int size);
int64_t extend16(uint16_t sequence, int64_t near);

int red_split(const uint8_t *payload, int size, red_frame *frames, int *own_at);
int red_join(const relay_output *o, const rtp_header *h, const uint8_t *own, uint8_t *p);

void begin_pictures(relay_output *o, const uint8_t *payload, int size); /* another stream's first key frame */
void number_pictures(relay_output *o, uint8_t *payload, int size, int is_newest);

void forward(relay *r, relay_stream *s, uint8_t *data, int size, double now);
void tap(relay_stream *s, const uint8_t *data, int size, double now);
void queue_packet(relay *r, relay_peer *peer, int size, int traffic_class);
void queue_rtcp(relay *r, relay_peer *peer, const uint8_t *data, int size);
uint8_t *out_slot(relay *r);
void flush(relay *r);
void leave_over(relay *r, int kind, relay_peer *peer, relay_stream *s, const relay_address *a, const uint8_t *d, int n);


#endif
