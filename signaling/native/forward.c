/* Media: one decrypted packet of a publisher into the packets of its subscribers. Reference: plane.py, records.py. */
#include "kernel.h"

#define WIDE_WINDOW 0x10000
#define MAX_PASSED 6
#define MAX_DROPOUT 3000
#define NUMBER_ABS_SEND_TIME_UNIT 262144.0 /* 6.18 fixed point seconds */
#define LONGEST_STEP_S 60.0 /* beyond, the timestamp wrapped or jumped: no jitter */

typedef struct { const uint8_t *data; int size, number; } passed_element;
typedef struct {
    const uint8_t *data;
    rtp_header h;
    passed_element passed[MAX_PASSED];
    int passed_count, is_restored;
    double now;
} packet_in;

/* One pass over the extension elements: transport-wide number, audio level, and what is passed on. */
static void scan_extensions(relay *r, relay_stream *s, packet_in *in, int note_arrival)
{
    relay_peer *peer = s->peer;
    const uint8_t *d = in->data;
    int at = in->h.extension_at, end = in->h.payload_at, one = in->h.profile == 0xBEDE;
    if (!at || (!one && (in->h.profile & 0xFFF0) != 0x1000))
        return;
    while (at < end) {
        int id, size;
        if (d[at] == 0) {
            at++;
            continue;
        }
        if (one) {
            id = d[at] >> 4;
            size = (d[at] & 15) + 1;
            at += 1;
            if (id == 15)
                return;
        } else {
            if (at + 2 > end)
                return;
            id = d[at];
            size = d[at + 1];
            at += 2;
        }
        if (at + size > end)
            return;
        if (note_arrival && id == peer->wide_id && size == 2 && peer->arrival_count < RELAY_MAX_ARRIVALS) {
            uint16_t number = get16(d + at);
            if (!peer->is_reporting) {
                peer->is_reporting = 1;
                peer->next_reporting = r->reporting;
                r->reporting = peer;
            }
            peer->wide_near = peer->wide_near < 0 ? number + WIDE_WINDOW : extend16(number, peer->wide_near);
            peer->arrivals[peer->arrival_count++] = (relay_arrival){in->now, peer->wide_near};
        }
        if (id == s->level_id && size >= 1) {
            s->level_sum += 127 - (d[at] & 127);
            s->level_count++;
        }
        if (id < 16 && s->passed[id] && size >= 1 && size <= 16 && in->passed_count < MAX_PASSED)
            in->passed[in->passed_count++] = (passed_element){d + at, size, s->passed[id]};
        at += size;
    }
}

/* Statistics of RFC 3550 A.1 and A.8; 0 when the packet came before, or so late that nobody can tell. */
static int count_packet(relay *r, relay_stream *s, const packet_in *in)
{
    int64_t extended;
    double transit, change;
    if (s->base < 0)
        s->base = s->highest = in->h.sequence + WIDE_WINDOW;
    extended = extend16(in->h.sequence, s->highest);
    if (s->received && (extended <= s->highest - s->history_size
                        || (extended <= s->highest && relay_history(s, in->h.sequence) >= 0)))
        return 0;
    if (extended > s->highest + 1 && s->received)
        leave_over(r, RELAY_GAP, s->peer, s, NULL, NULL, 0);
    if (extended > s->highest)
        s->highest = extended;
    s->received++;
    s->octets += in->h.size;
    if (in->is_restored) {
        s->restored++;
        return 1; /* when it would have come is not known */
    }
    transit = in->now - (double)in->h.timestamp / s->clock_rate;
    change = transit > s->transit ? transit - s->transit : s->transit - transit;
    if (s->received > 1 && change < LONGEST_STEP_S)
        s->jitter += (change - s->jitter) / 16;
    s->transit = transit;
    s->last_arrival = in->now;
    return 1;
}

static void keep(relay_stream *s, const packet_in *in)
{
    int slot = in->h.sequence % s->history_size;
    relay_kept *kept = &s->history[slot];
    kept->data = s->history_data + (size_t)slot * KEPT_BYTES;
    kept->size = in->h.size <= KEPT_BYTES ? (uint16_t)in->h.size : 0;
    kept->sequence = in->h.sequence;
    if (kept->size)
        memcpy(kept->data, in->data, kept->size);
}

int relay_history(relay_stream *s, int sequence)
{
    int slot = sequence % s->history_size;
    return s->history[slot].data && s->history[slot].sequence == sequence ? slot : -1;
}

/* A one-byte element at p; returns what it took. */
static int element(uint8_t *p, int id, const uint8_t *value, int size)
{
    p[0] = (uint8_t)(id << 4 | (size - 1));
    memcpy(p + 1, value, (size_t)size);
    return size + 1;
}

/* This subscriber's extension block at p: its mid, send time, transport-wide number, what is passed on. */
static int write_extensions(relay_output *o, const packet_in *in, uint8_t *p)
{
    int n = 4, words, i;
    uint8_t value[4];
    if (o->mid_id && o->mid_size)
        n += element(p + n, o->mid_id, o->mid, o->mid_size);
    if (o->time_id) {
        put32(value, (uint32_t)(int64_t)(in->now * NUMBER_ABS_SEND_TIME_UNIT) & 0xFFFFFF);
        n += element(p + n, o->time_id, value + 1, 3);
    }
    if (o->wide_id) {
        put16(value, o->peer->wide_sequence);
        n += element(p + n, o->wide_id, value, 2);
    }
    for (i = 0; i < in->passed_count; i++)
        if (o->passed[in->passed[i].number])
            n += element(p + n, o->passed[in->passed[i].number], in->passed[i].data, in->passed[i].size);
    if (n == 4)
        return 0;
    words = (n - 4 + 3) / 4;
    memset(p + n, 0, (size_t)(4 + 4 * words - n));
    put16(p, 0xBEDE);
    put16(p + 2, (uint16_t)words);
    return 4 + 4 * words;
}

/* Before the first packet after `follows`: numbers and time go on where the output before ended. */
static void begin(relay_output *o, const packet_in *in)
{
    int64_t elapsed = (int64_t)((in->now - o->sent_at) * o->stream->clock_rate);
    o->sequence_offset = (uint16_t)(o->last_sequence + 1 - in->h.sequence);
    o->timestamp_offset = (uint32_t)(o->last_timestamp + (elapsed > 1 ? elapsed : 1) - in->h.timestamp);
    o->follows = 0;
}

/* RFC 3550 A.1: another run of numbers; SRTP and decoders want ours unbroken. */
static int jumps(uint16_t sequence, uint16_t last)
{
    int step = (int16_t)(sequence - last);
    return step > MAX_DROPOUT || step < -MAX_DROPOUT;
}

/* The picture numbers of a copied payload go on where the stream before ended. */
static void lead_pictures(relay_output *o, const packet_in *in, uint8_t *payload, uint16_t sequence, int again)
{
    int size = in->h.payload_end - in->h.payload_at;
    int is_newest = !again && (!o->packets || (int16_t)(sequence - o->last_sequence) > 0);
    if (is_newest && o->pictures_follow && size > 0 && relay_starts_keyframe(o->stream->codec, payload, size))
        begin_pictures(o, payload, size);
    number_pictures(o, payload, size, is_newest);
}

static void write_packet(relay *r, relay_output *o, const packet_in *in, int again)
{
    relay_peer *peer = o->peer;
    int payload = in->h.size - in->h.payload_at, rtx = again && o->rtx_payload_type, n, extensions, red = 0;
    uint16_t sequence;
    uint8_t *p;
    if (!peer->tx || !peer->has_address || payload + 128 + MAX_TRAILER > RELAY_SLOT_BYTES)
        return;
    sequence = (uint16_t)(in->h.sequence + o->sequence_offset);
    if (!again && (o->follows || (o->packets && jumps(sequence, o->last_sequence)))) {
        begin(o, in);
        sequence = (uint16_t)(o->last_sequence + 1);
    }
    p = out_slot(r);
    extensions = write_extensions(o, in, p + 12);
    n = 12 + extensions;
    p[0] = (uint8_t)(0x80 | (extensions ? 0x10 : 0) | (in->data[0] & 0x20));
    p[1] = (uint8_t)(in->h.marker << 7 | (rtx ? o->rtx_payload_type : o->payload_type));
    put16(p + 2, rtx ? ++o->rtx_sequence : sequence);
    put32(p + 4, in->h.timestamp + o->timestamp_offset);
    put32(p + 8, rtx ? o->rtx_ssrc : o->ssrc);
    if (rtx) { /* RFC 4588 §4: the original number stands before the payload */
        put16(p + n, sequence);
        n += 2;
    }
    if (o->copy_count && !again && !(in->data[0] & 0x20))
        red = red_join(o, &in->h, in->data + in->h.payload_at, p + n);
    if (red) {
        p[1] = (uint8_t)(in->h.marker << 7 | o->red_payload_type);
        n += payload = red;
    } else {
        memcpy(p + n, in->data + in->h.payload_at, (size_t)payload);
        if (o->stream->codec == RELAY_VP8 || o->stream->codec == RELAY_VP9)
            lead_pictures(o, in, p + n, sequence, again);
        n += payload;
    }
    if (r->protect(peer->tx, p, &n) != 0) {
        r->totals.dropped[RELAY_DROP_PROTECT]++;
        return;
    }
    if (o->wide_id) {
        peer->sent[peer->wide_sequence % RELAY_SENT_SLOTS] = (relay_sent){in->now, (uint32_t)n, peer->wide_sequence};
        peer->wide_sequence++;
    }
    queue_packet(r, peer, n, o->traffic_class);
    r->totals.packets_out++;
    if (again)
        return;
    if (!o->packets || (int16_t)(sequence - o->last_sequence) > 0) { /* a late one does not set the numbers back */
        o->last_timestamp = in->h.timestamp + o->timestamp_offset;
        o->last_sequence = sequence;
        o->sent_at = in->now;
    }
    o->packets++;
    o->octets += payload;
}

/* A layer's first key frame: the output that waited takes over from the one it replaces. */
static int take_over(relay_output *o, int is_keyframe)
{
    relay_output *old = o->replaces;
    if (!is_keyframe)
        return 0;
    o->waits = 0;
    o->replaces = NULL;
    if (old) {
        old->is_on = 0;
        o->packets = old->packets;
        o->octets = old->octets;
        o->rtx_sequence = old->rtx_sequence;
        o->last_sequence = old->last_sequence;
        o->last_timestamp = old->last_timestamp;
        o->sent_at = old->sent_at;
        o->follows = old->packets > 0;
        o->last_picture = old->last_picture;
        o->last_level = old->last_level;
        o->pictures_follow = 1;
    }
    return 1;
}

static void forward_media(relay *r, relay_stream *s, packet_in *in)
{
    int i, is_keyframe = 0;
    r->totals.packets_in++;
    if (!count_packet(r, s, in)) {
        r->totals.dropped[RELAY_DROP_REPEATED]++;
        return;
    }
    keep(s, in);
    if (s->awaits_keyframe || s->wants_keyframe_check) {
        int size = in->h.payload_end - in->h.payload_at;
        is_keyframe = size > 0 && relay_starts_keyframe(s->codec, in->data + in->h.payload_at, size);
        if (is_keyframe)
            s->awaits_keyframe = 0;
    }
    if (s->is_muted)
        return;
    if (s->tap)
        tap(s, in->data, in->h.size, in->now);
    for (i = 0; i < s->output_count; i++) {
        relay_output *o = s->outputs[i];
        if (o->is_on && (!o->waits || take_over(o, is_keyframe)))
            write_packet(r, o, in, 0);
    }
}

/* RFC 4588 §4: the original packet of an RTX one, in place; NULL for a padding-only probe. */
static uint8_t *restore(relay_stream *s, packet_in *in, uint8_t *data)
{
    int at = in->h.payload_at;
    uint8_t original[2];
    int64_t behind;
    if (in->h.payload_end - at < 2 || s->base < 0)
        return NULL;
    behind = s->highest - extend16(get16(data + at), s->highest);
    if (behind >= s->history_size || behind < -s->history_size / 4)
        return NULL; /* it repairs nothing that anybody still waits for */
    memcpy(original, data + at, 2);
    memmove(data + 2, data, (size_t)at);
    data += 2;
    data[1] = (uint8_t)((data[1] & 0x80) | s->payload_type);
    memcpy(data + 2, original, 2);
    put32(data + 8, s->ssrc);
    return data;
}

/* A frame that only came again in a later packet, as the plain packet that was lost. */
static void forward_restored(relay *r, relay_stream *s, const packet_in *later, int back, const red_frame *frame)
{
    uint8_t data[12 + 1024];
    packet_in in = {.data = data, .is_restored = 1, .now = later->now};
    uint16_t sequence = (uint16_t)(later->h.sequence - back);
    if (s->base < 0 || extend16(sequence, s->highest) <= s->base || !frame->size || relay_history(s, sequence) >= 0)
        return;
    data[0] = 0x80;
    data[1] = (uint8_t)s->payload_type;
    put16(data + 2, sequence);
    put32(data + 4, later->h.timestamp - (uint32_t)frame->offset);
    put32(data + 8, later->h.ssrc);
    memcpy(data + 12, frame->data, (size_t)frame->size);
    if (parse_rtp(&in.h, data, 12 + frame->size) == 0)
        forward_media(r, s, &in);
}

/* A redundant packet becomes the plain packets of its frames that have not come before (RFC 2198). */
static void forward_redundant(relay *r, relay_stream *s, packet_in *in, uint8_t *data)
{
    red_frame frames[RED_MAX_BLOCKS];
    int at = in->h.payload_at, own_at, i;
    int size = in->h.payload_end - at, count = red_split(data + at, size, frames, &own_at);
    if (count < 0) {
        r->totals.dropped[RELAY_DROP_RTP]++;
        return;
    }
    for (i = 0; i < count; i++)
        forward_restored(r, s, in, count - i, &frames[i]);
    memmove(data + own_at, data, (size_t)at);
    data += own_at;
    data[0] &= 0xDF;
    data[1] = (uint8_t)((data[1] & 0x80) | s->payload_type);
    if (parse_rtp(&in->h, data, at + size - own_at) < 0)
        return;
    in->data = data;
    for (i = 0; i < in->passed_count; i++)
        in->passed[i].data += own_at;
    forward_media(r, s, in);
}

void forward(relay *r, relay_stream *s, uint8_t *data, int size, double now)
{
    packet_in in = {.data = data, .passed_count = 0, .now = now};
    if (parse_rtp(&in.h, data, size) < 0) {
        r->totals.dropped[RELAY_DROP_RTP]++;
        return;
    }
    scan_extensions(r, s, &in, 1);
    if (s->repaired) {
        s = s->repaired;
        data = restore(s, &in, data);
        if (!data || parse_rtp(&in.h, data, size - 2) < 0)
            return;
        in.data = data;
        in.passed_count = 0;
        scan_extensions(r, s, &in, 0);
    } else if (s->red_payload_type && in.h.payload_type == s->red_payload_type) {
        forward_redundant(r, s, &in, data);
        return;
    }
    forward_media(r, s, &in);
}

int relay_retransmit(relay *r, relay_output *o, const uint16_t *sequences, int count, double now)
{
    int i, sent = 0;
    for (i = 0; i < count; i++) {
        packet_in in = {.passed_count = 0, .now = now};
        int slot = relay_history(o->stream, (uint16_t)(sequences[i] - o->sequence_offset));
        if (slot < 0 || !o->stream->history[slot].size)
            continue;
        in.data = o->stream->history[slot].data;
        if (parse_rtp(&in.h, in.data, o->stream->history[slot].size) < 0)
            continue;
        scan_extensions(r, o->stream, &in, 0);
        write_packet(r, o, &in, 1);
        sent++;
    }
    flush(r);
    return sent;
}

void relay_inject(relay *r, relay_stream *s, const uint8_t *packet, int size, double now)
{
    uint8_t data[RELAY_SLOT_BYTES];
    if (size > MAX_DATAGRAM)
        return;
    memcpy(data, packet, (size_t)size);
    forward(r, s, data, size, now);
    flush(r);
}
