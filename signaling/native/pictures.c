/* The picture numbers inside VP8 and VP9 payloads: signaling/media/pictures.py is the reference. */
#include "kernel.h"

/* Where the picture number and TL0PICIDX stand in a payload descriptor (RFC 7741 §4.2, RFC 9628 §4.2). */
static picture_places locate(int codec, const uint8_t *p, int n)
{
    picture_places at = {0, 0, 0};
    int next = 1, has_picture, has_level;
    if (n < 2)
        return at;
    if (codec == RELAY_VP8) {
        if (!(p[0] & 0x80))
            return at;
        has_picture = p[1] & 0x80;
        has_level = p[1] & 0x40;
        next = 2;
    } else {
        has_picture = p[0] & 0x80;
        has_level = (p[0] & 0x20) && !(p[0] & 0x10);
    }
    if (has_picture && next < n) {
        at.picture = next;
        at.is_wide = p[next] >> 7;
        next += 1 + at.is_wide;
    }
    if (codec != RELAY_VP8 && has_level)
        next++; /* the layer indices */
    if (has_level)
        at.level = next;
    if (next + !!has_level > n)
        return (picture_places){0, 0, 0};
    return at;
}

static int picture_of(const uint8_t *p, const picture_places *at)
{
    return at->is_wide ? get16(p + at->picture) & 0x7FFF : p[at->picture] & 0x7F;
}

void begin_pictures(relay_output *o, const uint8_t *p, int n)
{
    picture_places at = locate(o->stream->codec, p, n);
    o->picture_offset = at.picture && o->last_picture >= 0 ? o->last_picture + 1 - picture_of(p, &at) : 0;
    o->level_offset = at.level && o->last_level >= 0 ? o->last_level + 1 - p[at.level] : 0;
    o->pictures_follow = 0;
}

void number_pictures(relay_output *o, uint8_t *p, int n, int is_newest)
{
    picture_places at = locate(o->stream->codec, p, n);
    if (at.picture && at.is_wide)
        put16(p + at.picture, (uint16_t)(0x8000 | ((picture_of(p, &at) + o->picture_offset) & 0x7FFF)));
    else if (at.picture)
        p[at.picture] = (uint8_t)((picture_of(p, &at) + o->picture_offset) & 0x7F);
    if (at.level)
        p[at.level] = (uint8_t)(p[at.level] + o->level_offset);
    if (is_newest && at.picture)
        o->last_picture = picture_of(p, &at);
    if (is_newest && at.level)
        o->last_level = p[at.level];
}
