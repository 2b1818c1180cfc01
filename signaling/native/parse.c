/* Reading without trusting: datagram classes (RFC 7983), RTP headers (RFC 3550, RFC 8285), key frames by codec. */
#include "kernel.h"

uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
void put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
void put32(uint8_t *p, uint32_t v) { put16(p, (uint16_t)(v >> 16)); put16(p + 2, (uint16_t)v); }

int classify(const uint8_t *data, int size)
{
    if (size <= 0 || size > MAX_DATAGRAM)
        return RELAY_JUNK;
    if (data[0] < 4)
        return size >= 20 ? RELAY_STUN : RELAY_JUNK;
    if (data[0] >= 20 && data[0] < 64)
        return size >= 13 ? RELAY_DTLS : RELAY_JUNK;
    if (data[0] < 128 || data[0] >= 192 || size < 8)
        return RELAY_JUNK;
    if (data[1] >= 192 && data[1] < 224)
        return RELAY_RTCP;
    return size >= 12 ? RELAY_RTP : RELAY_JUNK;
}

int64_t extend16(uint16_t sequence, int64_t near) { return near + (int16_t)(sequence - (uint16_t)near); }

/* 0, or -1 when lengths do not fit; the rows of rtp.parse_header. */
int parse_rtp(rtp_header *h, const uint8_t *data, int size)
{
    if (size < 12 || data[0] >> 6 != 2)
        return -1;
    h->marker = data[1] >> 7;
    h->payload_type = data[1] & 127;
    h->sequence = get16(data + 2);
    h->timestamp = get32(data + 4);
    h->ssrc = get32(data + 8);
    h->size = size;
    h->payload_at = 12 + 4 * (data[0] & 15);
    h->extension_at = h->profile = 0;
    if (data[0] & 16) {
        if (h->payload_at + 4 > size)
            return -1;
        h->profile = get16(data + h->payload_at);
        h->extension_at = h->payload_at + 4;
        h->payload_at = h->extension_at + 4 * get16(data + h->extension_at - 2);
    }
    h->payload_end = size;
    if (data[0] & 32 && size > h->payload_at) {
        if (data[size - 1] == 0)
            return -1;
        h->payload_end = size - data[size - 1];
    }
    return h->payload_at > size || h->payload_end < h->payload_at ? -1 : 0;
}

/* The value of an extension element, NULL when it is absent or the block does not fit. */
const uint8_t *find_extension(const uint8_t *data, const rtp_header *h, int number, int *size)
{
    int at = h->extension_at, end = h->payload_at, one = h->profile == 0xBEDE;
    if (!at || (!one && (h->profile & 0xFFF0) != 0x1000))
        return NULL;
    while (at < end) {
        int id, length;
        if (data[at] == 0) {
            at++;
            continue;
        }
        if (one) {
            id = data[at] >> 4;
            length = (data[at] & 15) + 1;
            at += 1;
            if (id == 15)
                return NULL;
        } else {
            if (at + 2 > end)
                return NULL;
            id = data[at];
            length = data[at + 1];
            at += 2;
        }
        if (at + length > end)
            return NULL;
        if (id == number) {
            *size = length;
            return data + at;
        }
        at += length;
    }
    return NULL;
}

static int vp8_starts(const uint8_t *p, int n)
{
    int at = 1;
    if (!(p[0] & 0x10) || p[0] & 0x07)
        return 0;
    if (p[0] & 0x80) {
        if (n < 3)
            return 0;
        at = 2;
        if (p[1] & 0x80)
            at += p[2] & 0x80 ? 2 : 1;
        at += !!(p[1] & 0x40) + !!(p[1] & 0x30);
    }
    return at < n && !(p[at] & 0x01);
}

static int vp9_starts(const uint8_t *p, int n)
{
    int at = 1;
    if (p[0] & 0x40 || !(p[0] & 0x08))
        return 0;
    if (p[0] & 0x80) {
        if (n < 2)
            return 0;
        at += p[1] & 0x80 ? 2 : 1;
    }
    return !(p[0] & 0x20) || (at < n && (p[at] >> 1 & 7) == 0);
}

static int h264_starts(const uint8_t *p, int n)
{
    int kind = p[0] & 31, at = 1;
    if (kind == 5 || kind == 7)
        return 1;
    if (kind == 28)
        return n > 1 && p[1] >> 7 && ((p[1] & 31) == 5 || (p[1] & 31) == 7);
    while (kind == 24 && at + 2 < n) {
        if ((p[at + 2] & 31) == 5 || (p[at + 2] & 31) == 7)
            return 1;
        at += 2 + get16(p + at);
    }
    return 0;
}

int relay_starts_keyframe(int codec, const uint8_t *payload, int size)
{
    if (codec == RELAY_AUDIO)
        return 1;
    if (size < 1)
        return 0;
    switch (codec) {
    case RELAY_VP8: return vp8_starts(payload, size);
    case RELAY_VP9: return vp9_starts(payload, size);
    case RELAY_H264: return h264_starts(payload, size);
    case RELAY_AV1: return (payload[0] & 0x08) != 0;
    default: return 0;
    }
}
