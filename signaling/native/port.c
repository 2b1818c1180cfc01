/* The socket: many datagrams in a call, media of bound addresses forwarded, runs of packets out in one call. */
#include "kernel.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define MAX_MESSAGES 128 /* runs a sendmmsg */
#define OLDEST_S 0.2     /* a kernel timestamp older than this is not believed */

void address_from(relay_address *to, const struct sockaddr_storage *from)
{
    memset(to, 0, sizeof *to);
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        memcpy(to->ip, &v6->sin6_addr, 16);
        to->port = ntohs(v6->sin6_port);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        to->ip[10] = to->ip[11] = 0xFF;
        memcpy(to->ip + 12, &v4->sin_addr, 4);
        to->port = ntohs(v4->sin_port);
    }
}

socklen_t address_to(const relay *r, struct sockaddr_storage *to, const relay_address *from)
{
    memset(to, 0, sizeof(struct sockaddr_in6));
    if (r->is_v6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(from->port);
        memcpy(&v6->sin6_addr, from->ip, 16);
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(from->port);
    memcpy(&v4->sin_addr, from->ip + 12, 4);
    return sizeof *v4;
}

void leave_over(relay *r, int kind, relay_peer *peer, relay_stream *s, const relay_address *a, const uint8_t *d, int n)
{
    relay_leftover *left;
    if (r->leftover_count == RELAY_MAX_LEFTOVERS) {
        r->totals.dropped[RELAY_DROP_LEFTOVER]++;
        return;
    }
    left = &r->leftovers[r->leftover_count];
    left->kind = kind;
    left->peer = peer;
    left->stream = s;
    left->size = n;
    left->data = r->leftover_data + (size_t)r->leftover_count * MAX_DATAGRAM;
    if (a)
        left->address = *a;
    if (n)
        memcpy(left->data, d, (size_t)n);
    r->leftover_count++;
}

uint8_t *out_slot(relay *r)
{
    if (r->out_count == OUT_SLOTS)
        flush(r);
    return r->out + (size_t)r->out_count * RELAY_SLOT_BYTES;
}

/* The packet just written into the slot belongs to this peer. */
void queue_packet(relay *r, relay_peer *peer, int size, int traffic_class)
{
    int slot = r->out_count++;
    r->packets[slot].size = size;
    r->packets[slot].traffic_class = traffic_class;
    r->packets[slot].next = -1;
    if (peer->is_pending) {
        r->packets[peer->pending_last].next = slot;
        peer->pending_last = slot;
        return;
    }
    peer->is_pending = 1;
    peer->pending_first = peer->pending_last = slot;
    peer->next_pending = NULL;
    if (r->pending)
        r->pending_tail->next_pending = peer;
    else
        r->pending = peer;
    r->pending_tail = peer;
}

#define CONTROL_BYTES (CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int)))

typedef struct {
    struct mmsghdr messages[MAX_MESSAGES];
    struct sockaddr_storage addresses[MAX_MESSAGES];
    struct iovec vectors[OUT_SLOTS];
    char control[MAX_MESSAGES][CONTROL_BYTES];
    int message_count, vector_count;
} outgoing;

/* One more control message behind those that are there. */
static void add_control(struct msghdr *m, int level, int type, const void *value, size_t size)
{
    struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), value, size);
    m->msg_controllen += CMSG_SPACE(size);
}

/* DSCP: by the address's own family, since a mapped one goes out as IPv4 (RFC 3493 §3.7). */
static void set_class(const relay *r, struct msghdr *m, const relay_address *to, int traffic_class)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (r->control_class < 0)
        return;
    if (memcmp(to->ip, mapped, sizeof mapped) == 0)
        add_control(m, IPPROTO_IP, IP_TOS, &traffic_class, sizeof traffic_class);
    else
        add_control(m, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class);
}

/* A run that the kernel would not cut: one datagram a packet, and never cut again. The mark stands first. */
static void send_singly(relay *r, struct msghdr *run)
{
    struct msghdr m = *run;
    size_t i;
    r->segmentation = 0;
    m.msg_iovlen = 1;
    m.msg_controllen = r->control_class < 0 ? 0 : CMSG_SPACE(sizeof(int));
    for (i = 0; i < run->msg_iovlen; i++) {
        m.msg_iov = run->msg_iov + i;
        if (sendmsg(r->fd, &m, MSG_DONTWAIT) < 0)
            r->totals.dropped[RELAY_DROP_SEND]++;
    }
}

static void send_messages(relay *r, outgoing *out)
{
    int at = 0;
    while (at < out->message_count) {
        int sent = sendmmsg(r->fd, out->messages + at, (unsigned)(out->message_count - at), MSG_DONTWAIT);
        struct msghdr *m = &out->messages[at].msg_hdr;
        if (sent > 0) {
            at += sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        if ((errno == EIO || errno == EINVAL || errno == EOPNOTSUPP) && m->msg_iovlen > 1)
            send_singly(r, m);
        else if (errno != ECONNREFUSED) /* tells of an earlier packet's fate */
            r->totals.dropped[RELAY_DROP_SEND] += (int64_t)m->msg_iovlen;
        at++;
    }
    out->message_count = out->vector_count = 0;
}

/* One message from the packet `slot` on: as many as fit one segmented send; returns the packet after them. */
static int add_run(relay *r, outgoing *out, relay_peer *peer, int slot)
{
    int n = out->message_count++, run = 0, size = r->packets[slot].size, total = 0, last;
    int traffic_class = r->packets[slot].traffic_class;
    uint16_t segment = (uint16_t)size;
    struct msghdr *m = &out->messages[n].msg_hdr;
    memset(m, 0, sizeof *m);
    m->msg_name = &out->addresses[n];
    m->msg_namelen = address_to(r, &out->addresses[n], &peer->address);
    m->msg_iov = out->vectors + out->vector_count;
    m->msg_control = out->control[n];
    set_class(r, m, &peer->address, traffic_class);
    do {
        last = r->packets[slot].size;
        m->msg_iov[run++] = (struct iovec){r->out + (size_t)slot * RELAY_SLOT_BYTES, (size_t)last};
        total += last;
        slot = r->packets[slot].next;
    } while (r->segmentation && slot >= 0 && run < MAX_SEGMENTS && last == size && r->packets[slot].size <= size
             && r->packets[slot].traffic_class == traffic_class
             && total + r->packets[slot].size <= MAX_BATCH_BYTES);
    m->msg_iovlen = (size_t)run;
    out->vector_count += run;
    if (run > 1)
        add_control(m, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    return slot;
}

void flush(relay *r)
{
    static outgoing out; /* 60 KiB of scratch; the kernel is used by one thread */
    relay_peer *peer;
    for (peer = r->pending; peer; peer = peer->next_pending) {
        int slot = peer->pending_first;
        peer->is_pending = 0;
        while (slot >= 0) {
            if (out.message_count == MAX_MESSAGES)
                send_messages(r, &out);
            slot = add_run(r, &out, peer, slot);
        }
    }
    send_messages(r, &out);
    r->pending = r->pending_tail = NULL;
    r->out_count = 0;
}

static void receive_rtcp(relay *r, relay_peer *peer, const relay_address *a, uint8_t *data, int size, double now)
{
    if (r->unprotect_rtcp(peer->rx, data, &size) != 0) {
        r->totals.dropped[RELAY_DROP_SRTCP]++;
        return;
    }
    peer->heard_at = now;
    /* A lone transport-wide feedback comes ten times a second from each subscriber: it is read here. */
    if (size > 20 && (data[0] & 0xFF) == 0x8F && data[1] == 205 && 4 * (get16(data + 2) + 1) == size)
        relay_note_feedback(peer, data + 12, size - 12, now);
    else
        leave_over(r, RELAY_RTCP, peer, NULL, a, data, size);
}

static void receive_rtp(relay *r, relay_peer *peer, const relay_address *a, uint8_t *data, int size, double now)
{
    uint32_t ssrc;
    int i;
    if (r->unprotect(peer->rx, data, &size) != 0) {
        r->totals.dropped[RELAY_DROP_SRTP]++;
        return;
    }
    peer->heard_at = now;
    ssrc = get32(data + 8);
    for (i = 0; i < peer->stream_count; i++)
        if (peer->streams[i]->ssrc == ssrc) {
            forward(r, peer->streams[i], data, size, now);
            return;
        }
    leave_over(r, RELAY_RTP, peer, NULL, a, data, size);
}

static void receive(relay *r, const struct sockaddr_storage *from, uint8_t *data, int size, double now)
{
    relay_address a;
    relay_peer *peer;
    int kind = classify(data, size);
    r->totals.datagrams++;
    if (kind == RELAY_JUNK) {
        r->totals.dropped[RELAY_DROP_JUNK]++;
        return;
    }
    address_from(&a, from);
    peer = table_find(r, &a);
    if (kind == RELAY_STUN)
        leave_over(r, kind, peer, NULL, &a, data, size);
    else if (!peer && kind != RELAY_DTLS && r->strangers > 0) {
        r->strangers--; /* perhaps a peer behind a NAT that changed its address: signaling/net/strangers.py */
        leave_over(r, kind, NULL, NULL, &a, data, size);
    } else if (!peer)
        r->totals.dropped[RELAY_DROP_STRANGER]++;
    else if (kind == RELAY_DTLS)
        leave_over(r, kind, peer, NULL, &a, data, size);
    else if (!peer->rx)
        r->totals.dropped[RELAY_DROP_BEFORE_KEYS]++;
    else if (kind == RELAY_RTCP)
        receive_rtcp(r, peer, &a, data, size, now);
    else
        receive_rtp(r, peer, &a, data, size, now);
}

/* When the kernel got the datagram, on the clock of `now`: polling late must not look like jitter. */
static double arrival(struct msghdr *m, double now, double real)
{
    struct cmsghdr *c;
    for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            double age;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            age = real - ((double)t.tv_sec + t.tv_nsec * 1e-9);
            return age > 0 && age < OLDEST_S ? now - age : now;
        }
    return now;
}

int relay_poll(relay *r, double now, int most)
{
    struct timespec t;
    double real;
    int taken = 0, got, i;
    r->leftover_count = 0;
    clock_gettime(CLOCK_REALTIME, &t);
    real = (double)t.tv_sec + t.tv_nsec * 1e-9;
    do {
        for (i = 0; i < BATCH; i++) {
            r->in_messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
            r->in_messages[i].msg_hdr.msg_controllen = sizeof r->in_control[i];
        }
        got = recvmmsg(r->fd, r->in_messages, BATCH, MSG_DONTWAIT, NULL);
        for (i = 0; i < got; i++) {
            struct msghdr *m = &r->in_messages[i].msg_hdr;
            int size = m->msg_flags & MSG_TRUNC ? MAX_DATAGRAM + 1 : (int)r->in_messages[i].msg_len;
            receive(r, &r->in_addresses[i], r->in_vectors[i].iov_base, size, arrival(m, now, real));
        }
        taken += got > 0 ? got : 0;
    } while (got == BATCH && taken < most && r->leftover_count < RELAY_MAX_LEFTOVERS - BATCH);
    flush(r);
    return r->leftover_count;
}

void relay_admit_strangers(relay *r, int most)
{
    r->strangers = most;
}

int relay_strangers(relay *r)
{
    return r->strangers;
}

void relay_send(relay *r, const relay_address *address, const uint8_t *data, int size)
{
    struct sockaddr_storage to;
    struct iovec whole = {(void *)data, (size_t)size};
    char control[CONTROL_BYTES];
    struct msghdr m = {.msg_name = &to, .msg_namelen = address_to(r, &to, address), .msg_iov = &whole, .msg_iovlen = 1};
    m.msg_control = control;
    set_class(r, &m, address, r->control_class);
    if (sendmsg(r->fd, &m, MSG_DONTWAIT) < 0)
        r->totals.dropped[RELAY_DROP_SEND]++;
}

void queue_rtcp(relay *r, relay_peer *peer, const uint8_t *data, int size)
{
    uint8_t *p;
    if (!peer->tx || !peer->has_address || size <= 0 || size > MAX_DATAGRAM)
        return;
    p = out_slot(r);
    memcpy(p, data, (size_t)size);
    if (r->protect_rtcp(peer->tx, p, &size) != 0) {
        r->totals.dropped[RELAY_DROP_PROTECT]++;
        return;
    }
    queue_packet(r, peer, size, r->control_class);
}

void relay_send_rtcp(relay *r, relay_peer *peer, const uint8_t *data, int size)
{
    queue_rtcp(r, peer, data, size);
    flush(r);
}
