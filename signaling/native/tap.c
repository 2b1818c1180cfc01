/* A recorded stream's packets on the recorder's channel. Message 1 of signaling/media/recording/wire.py. */
#include "kernel.h"

#define MESSAGE_PACKET 1
#define HEAD_BYTES 15

/* The channel is bounded by its socket's buffer: a full one costs the recording a packet, never the call a wait. */
void tap(relay_stream *s, const uint8_t *data, int size, double now)
{
    uint8_t head[HEAD_BYTES];
    uint64_t bits;
    struct iovec parts[2] = {{head, HEAD_BYTES}, {(void *)data, (size_t)size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    memcpy(&bits, &now, sizeof bits);
    head[0] = MESSAGE_PACKET;
    put16(head + 1, (uint16_t)s->tap_track);
    put32(head + 3, s->tap->dropped);
    put32(head + 7, (uint32_t)(bits >> 32));
    put32(head + 11, (uint32_t)bits);
    if (sendmsg(s->tap->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        s->tap->dropped++;
    else
        s->tap->sent++;
}
