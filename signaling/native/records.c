/* The kernel's life and its tables: peers by address, streams, outputs. */
#include "kernel.h"

#include <malloc.h>

/* Histories come and go with calls: as mappings of their own they leave no holes in the heap. */
#define LARGE_BYTES (128 << 10)

static uint32_t hash(const relay_address *a)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ a->port;
    int i;
    for (i = 0; i < 16; i += 4)
        h = (h ^ get32(a->ip + i)) * 0x100000001B3u;
    return (uint32_t)(h ^ h >> 32);
}

static int same(const relay_address *a, const relay_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

relay_peer *table_find(relay *r, const relay_address *address)
{
    uint32_t i = hash(address);
    for (;; i++) {
        table_slot *slot = &r->table[i % TABLE_SLOTS];
        if (slot->state == 0)
            return NULL;
        if (slot->state == 1 && same(&slot->address, address))
            return slot->peer;
    }
}

static void insert(relay *r, const relay_address *address, relay_peer *peer)
{
    uint32_t i = hash(address);
    while (r->table[i % TABLE_SLOTS].state == 1)
        i++;
    r->table_used += r->table[i % TABLE_SLOTS].state == 0;
    r->table[i % TABLE_SLOTS] = (table_slot){*address, peer, 1};
}

/* Removed slots lengthen searches; when they fill the table, it is built anew. */
static int rebuild(relay *r)
{
    table_slot *old = r->table;
    int i;
    r->table = calloc(TABLE_SLOTS, sizeof *r->table);
    if (!r->table) {
        r->table = old;
        return -1;
    }
    r->table_used = 0;
    for (i = 0; i < TABLE_SLOTS; i++)
        if (old[i].state == 1)
            insert(r, &old[i].address, old[i].peer);
    free(old);
    return r->table_used < TABLE_MOST ? 0 : -1;
}

int relay_bind(relay *r, const relay_address *address, relay_peer *peer)
{
    uint32_t i;
    for (i = hash(address);; i++) {
        table_slot *slot = &r->table[i % TABLE_SLOTS];
        if (slot->state == 0)
            break;
        if (slot->state == 1 && same(&slot->address, address)) {
            slot->peer = peer;
            slot->state = peer ? 1 : 2;
            return 0;
        }
    }
    if (!peer)
        return 0;
    if (r->table_used >= TABLE_MOST && rebuild(r) < 0)
        return -1;
    insert(r, address, peer);
    return 0;
}

relay *relay_open(int fd, int is_v6, int segmentation, int control_class, const relay_srtp *srtp)
{
    relay *r = calloc(1, sizeof *r);
    int i, on = 1;
    if (!r)
        return NULL;
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    r->fd = fd;
    r->is_v6 = is_v6;
    r->segmentation = segmentation;
    r->control_class = control_class;
    r->protect = (srtp_call)srtp->protect;
    r->unprotect = (srtp_call)srtp->unprotect;
    r->protect_rtcp = (srtp_call)srtp->protect_rtcp;
    r->unprotect_rtcp = (srtp_call)srtp->unprotect_rtcp;
    r->table = calloc(TABLE_SLOTS, sizeof *r->table);
    r->in = malloc((size_t)BATCH * RELAY_SLOT_BYTES);
    r->out = malloc((size_t)OUT_SLOTS * RELAY_SLOT_BYTES);
    r->leftover_data = malloc((size_t)RELAY_MAX_LEFTOVERS * MAX_DATAGRAM);
    if (!r->table || !r->in || !r->out || !r->leftover_data) {
        relay_close(r);
        return NULL;
    }
    for (i = 0; i < BATCH; i++) {
        r->in_vectors[i] = (struct iovec){r->in + (size_t)i * RELAY_SLOT_BYTES, MAX_DATAGRAM};
        r->in_messages[i].msg_hdr.msg_iov = &r->in_vectors[i];
        r->in_messages[i].msg_hdr.msg_iovlen = 1;
        r->in_messages[i].msg_hdr.msg_name = &r->in_addresses[i];
        r->in_messages[i].msg_hdr.msg_control = r->in_control[i];
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* without it, arrival is when we polled */
    return r;
}

void relay_close(relay *r)
{
    free(r->table);
    free(r->in);
    free(r->out);
    free(r->leftover_data);
    free(r);
}

relay_counters *relay_totals(relay *r) { return &r->totals; }
relay_leftover *relay_leftovers(relay *r) { return r->leftovers; }

relay_peer *relay_open_peer(void)
{
    relay_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->arrivals = calloc(RELAY_MAX_ARRIVALS, sizeof *peer->arrivals);
    peer->sent = calloc(RELAY_SENT_SLOTS, sizeof *peer->sent);
    peer->wide_near = peer->feedback_base = -1;
    if (peer->arrivals && peer->sent)
        return peer;
    free(peer->arrivals);
    free(peer->sent);
    free(peer);
    return NULL;
}

void relay_close_peer(relay *r, relay_peer *peer)
{
    relay_peer **reporting = &r->reporting;
    int i;
    flush(r); /* its packets that wait */
    while (peer->is_reporting && *reporting != peer)
        reporting = &(*reporting)->next_reporting;
    if (peer->is_reporting)
        *reporting = peer->next_reporting;
    for (i = 0; i < TABLE_SLOTS; i++)
        if (r->table[i].state == 1 && r->table[i].peer == peer)
            r->table[i].state = 2;
    free(peer->arrivals);
    free(peer->sent);
    free(peer);
}

relay_stream *relay_add_stream(relay_peer *peer, int history_size)
{
    relay_stream *s;
    if (peer->stream_count == RELAY_MAX_STREAMS)
        return NULL;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->history = calloc((size_t)history_size, sizeof *s->history);
    s->history_data = malloc((size_t)history_size * KEPT_BYTES);
    if (!s->history || !s->history_data) {
        free(s->history);
        free(s->history_data);
        free(s);
        return NULL;
    }
    s->history_size = history_size;
    s->peer = peer;
    s->base = -1;
    peer->streams[peer->stream_count++] = s;
    return s;
}

void relay_remove_stream(relay_stream *s)
{
    relay_peer *peer = s->peer;
    int i;
    for (i = 0; i < peer->stream_count; i++)
        if (peer->streams[i] == s)
            peer->streams[i] = peer->streams[--peer->stream_count];
    for (i = 0; i < peer->stream_count; i++)
        if (peer->streams[i]->repaired == s)
            peer->streams[i]->repaired = NULL;
    free(s->history);
    free(s->history_data);
    free(s);
}

relay_output *relay_add_output(relay_stream *stream)
{
    relay_output *o;
    if (stream->output_count == RELAY_MAX_OUTPUTS)
        return NULL;
    o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->stream = stream;
    o->last_picture = o->last_level = -1;
    stream->outputs[stream->output_count++] = o;
    return o;
}

void relay_remove_output(relay_output *o)
{
    relay_stream *s = o->stream;
    int i, n = 0;
    for (i = 0; i < s->output_count; i++)
        if (s->outputs[i] != o)
            s->outputs[n++] = s->outputs[i];
    s->output_count = n;
    free(o);
}
