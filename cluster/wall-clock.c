// Moves the wall clock of one process, and no other clock: timers keep their pace.
//
// cluster/launch chaos --scenario clock-jump compiles it and preloads it into the nodes. The file
// that WALL_CLOCK_FILE names holds the milliseconds to add; it is looked at 100 times a second at
// most. What was read is written beside it, to NAME.seen, as the proof that the clock has moved.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 10000000LL
#define SECOND 1000000000LL

static _Atomic long long looked_at = -LOOK_EVERY;
static _Atomic long long skew;

static long long nanoseconds(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

static void write_seen(const char *path, const char *text, long count) {
    char seen[4096];
    size_t length = strlen(path);
    if (length + 6 > sizeof seen) return;
    memcpy(seen, path, length);
    memcpy(seen + length, ".seen", 6);
    int file = syscall(SYS_openat, AT_FDCWD, seen, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return;
    if (syscall(SYS_write, file, text, count) < 0) { /* then there is no proof */ }
    syscall(SYS_close, file);
}

static void look(void) {
    const char *path = getenv("WALL_CLOCK_FILE");
    if (!path) return;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return;
    char text[32];
    long count = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (count <= 0) return;
    text[count] = 0;
    long long found = atoll(text) * 1000000LL;
    if (found != skew) write_seen(path, text, count);
    skew = found;
}

static long long current_skew(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    if (nanoseconds(&now) - looked_at >= LOOK_EVERY) {
        looked_at = nanoseconds(&now);
        look();
    }
    return skew;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    int result = syscall(SYS_clock_gettime, clock, t);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        long long moved = nanoseconds(t) + current_skew();
        t->tv_sec = moved / SECOND;
        t->tv_nsec = moved % SECOND;
    }
    return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
