/* Redundant audio (RFC 2198): packets that carry earlier frames again. Reference: signaling/media/red.py, plane.py. */
#include "kernel.h"

#define MAX_OFFSET 0x3FFF
#define MAX_LENGTH 0x3FF

/* How many earlier frames, oldest first, and where the own one begins; -1 when lengths do not fit. */
int red_split(const uint8_t *payload, int size, red_frame *frames, int *own_at)
{
    int at = 0, count = 0, i;
    for (;; at += 4, count++) {
        if (at >= size)
            return -1;
        if (!(payload[at] & 0x80))
            break;
        if (at + 4 > size || count == RED_MAX_BLOCKS)
            return -1;
        frames[count].offset = (int)(get32(payload + at) >> 10 & MAX_OFFSET);
        frames[count].size = (int)(get32(payload + at) & MAX_LENGTH);
    }
    at++;
    for (i = 0; i < count; i++) {
        frames[i].data = payload + at;
        at += frames[i].size;
        if (at > size)
            return -1;
    }
    *own_at = at;
    return count;
}

/* Writes a packet's payload with the earlier frames that the history has; 0 when there is none, else its size. */
int red_join(const relay_output *o, const rtp_header *h, const uint8_t *own, uint8_t *p)
{
    red_frame frames[RELAY_MAX_COPIES];
    int own_size = h->payload_end - h->payload_at, count = 0, n = 0, total = own_size, i;
    for (i = 0; i < o->copy_count; i++) {
        int slot = relay_history(o->stream, (uint16_t)(h->sequence - o->copies[i]));
        const relay_kept *kept = slot < 0 ? NULL : &o->stream->history[slot];
        rtp_header earlier;
        uint32_t offset;
        if (!kept || parse_rtp(&earlier, kept->data, kept->size) < 0)
            continue;
        offset = h->timestamp - earlier.timestamp;
        frames[count].size = earlier.payload_end - earlier.payload_at;
        frames[count].data = kept->data + earlier.payload_at;
        if (!offset || offset > MAX_OFFSET || !frames[count].size || frames[count].size > MAX_LENGTH)
            continue;
        total += frames[count].size + 4;
        frames[count++].offset = (int)offset;
    }
    if (!count || total + 128 + MAX_TRAILER > RELAY_SLOT_BYTES)
        return 0;
    for (i = 0; i < count; i++, n += 4)
        put32(p + n, 1u << 31 | (uint32_t)o->payload_type << 24 | (uint32_t)frames[i].offset << 10
                  | (uint32_t)frames[i].size);
    p[n++] = (uint8_t)o->payload_type;
    for (i = 0; i < count; i++) {
        memcpy(p + n, frames[i].data, (size_t)frames[i].size);
        n += frames[i].size;
    }
    memcpy(p + n, own, (size_t)own_size);
    return n + own_size;
}
