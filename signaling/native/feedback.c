/* Transport-wide feedback: written for publishers, read from subscribers. Reference: signaling/media/feedback.py. */
#include "kernel.h"

#define TICK_S 0.00025
#define REFERENCE_TICKS 256
#define MAX_STATUSES 2048
#define MAX_REPORTED 400      /* arrivals in one packet: below 1,200 bytes */
#define MAX_LOST_AT_ONCE 1000 /* a larger jump is a new start, not loss */
#define STALE_S 10.0          /* feedback this late is of another life of the ring's slot */

static void sort(relay_arrival *a, int count)
{
    int i, j;
    for (i = 1; i < count; i++) { /* nearly sorted already */
        relay_arrival moved = a[i];
        for (j = i; j > 0 && a[j - 1].number > moved.number; j--)
            a[j] = a[j - 1];
        a[j] = moved;
    }
}

/* Run lengths where seven or more are alike, else vectors of seven two-bit symbols; returns bytes written. */
static int write_chunks(const uint8_t *status, int count, uint8_t *p)
{
    int at = 0, n = 0, i;
    while (at < count) {
        int run = 1, word = 0xC000;
        while (at + run < count && status[at + run] == status[at] && run < 0x1FFF)
            run++;
        if (run >= 7 || at + run == count) {
            word = status[at] << 13 | run;
            at += run;
        } else {
            for (i = 0; i < 7 && at < count; i++)
                word |= status[at++] << (12 - 2 * i);
        }
        put16(p + n, (uint16_t)word);
        n += 2;
    }
    return n;
}

/* The body after the two SSRCs for `count` sorted arrivals; returns its size. */
static int write_body(relay_peer *peer, const relay_arrival *a, int count, int64_t base, uint8_t *p)
{
    uint8_t status[MAX_STATUSES], deltas[2 * MAX_REPORTED];
    int64_t expected = base, clock, reference = (int64_t)(a[0].at / TICK_S) / REFERENCE_TICKS;
    int statuses = 0, size = 0, n, i;
    clock = reference * REFERENCE_TICKS;
    for (i = 0; i < count; i++) {
        int64_t ticks = (int64_t)(a[i].at / TICK_S), delta = ticks - clock;
        if (i && a[i].number == a[i - 1].number)
            continue;
        if (statuses + (a[i].number - expected) >= MAX_STATUSES - 1)
            break;
        while (expected < a[i].number) {
            status[statuses++] = 0;
            expected++;
        }
        expected = a[i].number + 1;
        clock = ticks;
        if (delta >= 0 && delta <= 255) {
            status[statuses++] = 1;
            deltas[size++] = (uint8_t)delta;
        } else {
            status[statuses++] = 2;
            delta = delta < -32768 ? -32768 : delta > 32767 ? 32767 : delta;
            put16(deltas + size, (uint16_t)delta);
            size += 2;
        }
    }
    put16(p, (uint16_t)base);
    put16(p + 2, (uint16_t)statuses);
    put32(p + 4, (uint32_t)reference << 8 | (peer->feedback_number++ & 0xFF));
    n = 8 + write_chunks(status, statuses, p + 8);
    memcpy(p + n, deltas, (size_t)size);
    n += size;
    while (n % 4)
        p[n++] = 0;
    peer->feedback_base = expected;
    return n;
}

/* What a publisher's feedback is about: its first video, else its first stream. */
static uint32_t media_ssrc(const relay_peer *peer)
{
    int i;
    for (i = 0; i < peer->stream_count; i++)
        if (peer->streams[i]->is_video)
            return peer->streams[i]->ssrc;
    return peer->stream_count ? peer->streams[0]->ssrc : 0;
}

static void send_feedback(relay *r, relay_peer *peer)
{
    int at = 0;
    sort(peer->arrivals, peer->arrival_count);
    while (at < peer->arrival_count) {
        uint8_t packet[4096];
        const relay_arrival *a = peer->arrivals + at;
        int count = peer->arrival_count - at < MAX_REPORTED ? peer->arrival_count - at : MAX_REPORTED, n;
        int64_t base = peer->feedback_base;
        if (base < 0 || base > a[0].number || a[0].number - base > MAX_LOST_AT_ONCE)
            base = a[0].number;
        n = 12 + write_body(peer, a, count, base, packet + 12);
        put16(packet, 0x8F00 | 205);
        put16(packet + 2, (uint16_t)(n / 4 - 1));
        put32(packet + 4, peer->ssrc);
        put32(packet + 8, media_ssrc(peer));
        queue_rtcp(r, peer, packet, n);
        at += count;
    }
    peer->arrival_count = 0;
}

void relay_send_feedback(relay *r)
{
    for (; r->reporting; r->reporting = r->reporting->next_reporting) {
        r->reporting->is_reporting = 0;
        send_feedback(r, r->reporting);
    }
}

static void note(relay_peer *peer, uint16_t number, double received_at, double now)
{
    relay_sent *sent = &peer->sent[number % RELAY_SENT_SLOTS];
    relay_path *path = &peer->path;
    double delay;
    if (sent->number != number || sent->bytes == 0 || now - sent->at > STALE_S)
        return;
    if (received_at < 0) {
        path->lost++;
        return;
    }
    delay = received_at - sent->at;
    if (path->received == 0) {
        path->delay_min = delay;
        path->first_at = sent->at;
    }
    path->received++;
    path->acked_bytes += sent->bytes;
    path->delay_sum += delay;
    path->delay_last = delay;
    path->last_at = sent->at;
    if (delay < path->delay_min)
        path->delay_min = delay;
    sent->bytes = 0; /* acknowledged once */
}

void relay_clear_path(relay_peer *peer) { memset(&peer->path, 0, sizeof peer->path); }

/* Reads as signaling/media/feedback.py does; a body that does not fit is left where it ends. */
void relay_note_feedback(relay_peer *peer, const uint8_t *body, int size, double now)
{
    uint8_t status[MAX_STATUSES + 14];
    int count, at = 8, statuses = 0, i;
    int64_t clock;
    uint16_t base;
    if (size < 8 || (count = get16(body + 2)) > MAX_STATUSES)
        return;
    base = get16(body);
    clock = (int64_t)(get32(body + 4) >> 8) * REFERENCE_TICKS;
    while (statuses < count) {
        int word;
        if (at + 2 > size)
            return;
        word = get16(body + at);
        at += 2;
        if (!(word & 0x8000)) {
            int run = word & 0x1FFF;
            if (!run)
                return;
            while (run-- && statuses < count)
                status[statuses++] = word >> 13 & 3;
        } else if (word & 0x4000) {
            for (i = 0; i < 7; i++)
                status[statuses++] = word >> (12 - 2 * i) & 3;
        } else {
            for (i = 0; i < 14; i++)
                status[statuses++] = word >> (13 - i) & 1;
        }
    }
    for (i = 0; i < count; i++) {
        if (status[i] != 1 && status[i] != 2) {
            note(peer, (uint16_t)(base + i), -1.0, now);
            continue;
        }
        if (at + status[i] > size)
            return;
        clock += status[i] == 1 ? body[at] : (int16_t)get16(body + at);
        at += status[i];
        note(peer, (uint16_t)(base + i), (double)clock * TICK_S, now);
    }
}
