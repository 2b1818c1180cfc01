/* Waiting: while the event loop has nothing to do, the port is drained here. Reference: signaling/net/pump.py. */
#include "kernel.h"

#include <poll.h>
#include <time.h>

#define MOST 2048             /* datagrams a poll; then control and timers are served at full load too */
#define INTERVAL_S 0.005      /* these five are explained where they have their first home: pump.py */
#define BUSY_INTERVAL_S 0.0025
#define BUSY 300
#define IDLE_S 0.05
#define FOR_EVER 1e18

static double monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + t.tv_nsec * 1e-9;
}

static void drain(relay *r, double now)
{
    int64_t found = r->totals.datagrams, sent = r->totals.packets_out;
    relay_poll(r, now, MOST);
    found = r->totals.datagrams - found;
    sent = r->totals.packets_out - sent;
    if (found)
        r->found_at = now;
    if (now - r->found_at >= IDLE_S)
        r->due = FOR_EVER;
    else
        r->due = now + (found + sent < BUSY ? INTERVAL_S : BUSY_INTERVAL_S);
}

int relay_serve(relay *r, int loop_fd, double timeout_s)
{
    struct pollfd watched[2] = {{loop_fd, POLLIN, 0}, {r->fd, POLLIN, 0}};
    double now = monotonic(), until = timeout_s < 0 ? FOR_EVER : now + timeout_s;
    r->leftover_count = 0;
    if (r->out_count)
        flush(r);
    for (;;) {
        double end;
        struct timespec wait = {1000000, 0};
        if (now >= r->due) {
            drain(r, now);
            if (r->leftover_count)
                return r->leftover_count;
        }
        if (now >= until)
            return 0;
        end = r->due < until ? r->due : until;
        if (end < FOR_EVER) {
            wait.tv_sec = (time_t)(end - now);
            wait.tv_nsec = (long)((end - now - (double)wait.tv_sec) * 1e9);
        }
        if (ppoll(watched, r->due < FOR_EVER ? 1 : 2, &wait, NULL) < 0)
            return 0; /* a signal: Python looks at it */
        now = monotonic();
        if (watched[0].revents)
            until = now;
        if (r->due == FOR_EVER && watched[1].revents)
            r->due = now;
    }
}
