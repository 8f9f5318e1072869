// A disk that fails on demand: what one process asks of the files below one directory.
//
// cluster/launch disk compiles it and preloads it into a broker. The file that DISK_FAULTS_FILE
// names is mapped by both sides: the lab writes which calls are to meet which fault, this library
// counts what it has seen and done. The counters outlive the process, so that a script may go on
// over several lives of a broker. Each call that could change the disk goes to DISK_FAULTS_TRACE,
// a line each, if that is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Which calls: a sum of these.
enum {
    CREATE = 1, WRITE = 2, FLUSH = 4, FLUSH_DIRECTORY = 8, TRUNCATE = 16, RESERVE = 32,
    RENAME = 64, UNLINK = 128, MAKE_DIRECTORY = 256, READ = 512
};

// What becomes of such a call.
enum {
    NOTHING, DIE, FAIL, SHORT, TORN, LOSE, MISDIRECT, FLIP, DELAY, CUT_POWER, HALF_THEN_FAIL, HANG
};

// The lab writes the same layout (ClusterLab/Disk/FaultControl.swift): numbers of 8 bytes, then text.
struct control {
    _Atomic int64_t isArmed;
    int64_t action;
    int64_t error;
    int64_t operations;
    int64_t from;          // the first matching call that is hit, counted from 1 while armed
    int64_t times;         // how many are hit; 0: all
    int64_t microseconds;  // of a delay
    _Atomic int64_t matched;
    _Atomic int64_t hits;
    _Atomic int64_t changes;  // every call that could change the disk, armed or not
    char root[256];           // only files below it
    char part[128];           // only files with this in their path
    char start[16];           // only writes that begin with these bytes; ZEROES: with zeroes
};

static struct control *control;
static int trace = -1;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("DISK_FAULTS_FILE");
    if (!path) return;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (memory == MAP_FAILED) return;
    control = memory;
    const char *log = getenv("DISK_FAULTS_TRACE");
    if (!log) return;
    trace = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

// MARK: Which call is hit

static int is_ours(const char *path) {
    return control && control->root[0] && !strncmp(path, control->root, strlen(control->root));
}

static const char *name(int operation) {
    switch (operation) {
    case CREATE: return "create";
    case WRITE: return "write";
    case FLUSH: return "flush";
    case FLUSH_DIRECTORY: return "flush-directory";
    case TRUNCATE: return "truncate";
    case RESERVE: return "reserve";
    case RENAME: return "rename";
    case UNLINK: return "unlink";
    case MAKE_DIRECTORY: return "make-directory";
    default: return "read";
    }
}

static void note(int64_t number, int operation, const char *path, size_t count) {
    if (trace < 0) return;
    const char *rest = path + strlen(control->root);
    char line[512];
    int length = snprintf(line, sizeof line, "%lld %s %s %zu\n", (long long)number,
                          name(operation), *rest ? rest : "/", count);
    if (length > 0 && length < (int)sizeof line && syscall(SYS_write, trace, line, length) < 0) return;
}

static void cut_power(void) {
    int root = syscall(SYS_openat, AT_FDCWD, control->root, O_RDONLY | O_CLOEXEC, 0);
    uint32_t without_log = 2;
    ioctl(root, _IOR('X', 125, uint32_t), &without_log);
    raise(SIGKILL);
}

static void sleep_a_while(void) {
    struct timespec time = { control->microseconds / 1000000, control->microseconds % 1000000 * 1000 };
    nanosleep(&time, NULL);
}

// Whether a write is one of those that are meant.
static int begins(const void *bytes, size_t count) {
    static const char zeroes[16];
    if (!strcmp(control->start, "ZEROES")) return count >= 16 && !memcmp(bytes, zeroes, 16);
    size_t start = strlen(control->start);
    return !start || (count >= start && !memcmp(bytes, control->start, start));
}

// What is to become of a call: some action of the list above, NOTHING for most.
static int fate(int operation, const char *path, const void *bytes, size_t count) {
    if (!is_ours(path)) return NOTHING;
    if (operation != READ) {
        int64_t number = atomic_fetch_add(&control->changes, 1) + 1;
        note(number, operation, path, count);
    }
    if (!control->isArmed || !(control->operations & operation)) return NOTHING;
    if (control->part[0] && !strstr(path, control->part)) return NOTHING;
    if (!begins(bytes, count)) return NOTHING;
    int64_t number = atomic_fetch_add(&control->matched, 1) + 1;
    if (number < control->from) return NOTHING;
    if (control->times && number >= control->from + control->times) return NOTHING;
    atomic_fetch_add(&control->hits, 1);
    switch (control->action) {
    case DIE: raise(SIGKILL); return NOTHING;
    case CUT_POWER: cut_power(); return NOTHING;
    case DELAY: sleep_a_while(); return NOTHING;
    case HANG: while (control->isArmed) usleep(10000); return NOTHING;
    default: return control->action;
    }
}

static const char *path_of(int file, char *buffer, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = readlink(link, buffer, size - 1);
    buffer[count < 0 ? 0 : count] = 0;
    return buffer;
}

static int fate_of_file(int operation, int file, const void *bytes, size_t count) {
    if (!control) return NOTHING;
    char path[1024];
    return fate(operation, path_of(file, path, sizeof path), bytes, count);
}

// For calls that either happen or do not. True: the caller answers `result` at once.
static int answers(int action, int *result) {
    if (action == FAIL || action == HALF_THEN_FAIL) {
        errno = control->error;
        *result = -1;
        return 1;
    }
    if (action == LOSE) {
        *result = 0;
        return 1;
    }
    return 0;
}

// MARK: Bytes

static ssize_t write_with(
    ssize_t (*real)(int, const void *, size_t, off_t), int file, const void *bytes, size_t count,
    off_t offset)
{
    switch (fate_of_file(WRITE, file, bytes, count)) {
    case FAIL: errno = control->error; return -1;
    case SHORT: return real(file, bytes, count / 2, offset);
    case TORN: if (real(file, bytes, count / 2, offset) >= 0) raise(SIGKILL); return -1;
    case HALF_THEN_FAIL:
        if (real(file, bytes, count / 2, offset) >= 0) errno = control->error;
        return -1;
    case LOSE: return count;
    case MISDIRECT: return real(file, bytes, count, offset + 4096);
    case FLIP: {
        char *copy = malloc(count);
        memcpy(copy, bytes, count);
        copy[count / 2] ^= 0x10;
        ssize_t result = real(file, copy, count, offset);
        free(copy);
        return result;
    }
    default: return real(file, bytes, count, offset);
    }
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    return write_with(real, file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    return write_with(real, file, bytes, count, offset);
}

static ssize_t read_with(
    ssize_t (*real)(int, void *, size_t, off_t), int file, void *bytes, size_t count, off_t offset)
{
    int action = fate_of_file(READ, file, bytes, count);
    if (action == FAIL) {
        errno = control->error;
        return -1;
    }
    ssize_t result = real(file, bytes, action == SHORT ? (count + 1) / 2 : count, offset);
    if (action == FLIP && result > 0) ((char *)bytes)[result / 2] ^= 0x10;
    return result;
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    REAL(pread);
    return read_with(real, file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t offset) {
    REAL(pread64);
    return read_with(real, file, bytes, count, offset);
}

// MARK: Flushes

static int flush_with(int (*real)(int), int file) {
    if (!control) return real(file);
    struct stat status;
    int isDirectory = !fstat(file, &status) && S_ISDIR(status.st_mode);
    int result;
    int action = fate_of_file(isDirectory ? FLUSH_DIRECTORY : FLUSH, file, NULL, 0);
    return answers(action, &result) ? result : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return flush_with(real, file);
}

int fsync(int file) {
    REAL(fsync);
    return flush_with(real, file);
}

// MARK: Space and names

int ftruncate(int file, off_t length) {
    REAL(ftruncate);
    int result;
    return answers(fate_of_file(TRUNCATE, file, NULL, 0), &result) ? result : real(file, length);
}

int ftruncate64(int file, off64_t length) {
    REAL(ftruncate64);
    int result;
    return answers(fate_of_file(TRUNCATE, file, NULL, 0), &result) ? result : real(file, length);
}

// It answers the error itself, not by errno.
int posix_fallocate(int file, off_t offset, off_t length) {
    REAL(posix_fallocate);
    int result;
    if (!answers(fate_of_file(RESERVE, file, NULL, 0), &result)) return real(file, offset, length);
    return result < 0 ? control->error : 0;
}

int posix_fallocate64(int file, off64_t offset, off64_t length) {
    REAL(posix_fallocate64);
    int result;
    if (!answers(fate_of_file(RESERVE, file, NULL, 0), &result)) return real(file, offset, length);
    return result < 0 ? control->error : 0;
}

static int creation(const char *path, int flags, int *result) {
    if (!control || !(flags & O_CREAT) || !access(path, F_OK)) return 0;
    return answers(fate(CREATE, path, NULL, 0), result);
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) {
    REAL(open);
    MODE_OF(flags)
    int result;
    return creation(path, flags, &result) ? result : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    MODE_OF(flags)
    int result;
    return creation(path, flags, &result) ? result : real(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    REAL(openat);
    MODE_OF(flags)
    int result;
    return creation(path, flags, &result) ? result : real(directory, path, flags, mode);
}

int rename(const char *old, const char *new) {
    REAL(rename);
    int result;
    return answers(fate(RENAME, new, NULL, 0), &result) ? result : real(old, new);
}

int unlink(const char *path) {
    REAL(unlink);
    int result;
    if (access(path, F_OK)) return real(path);
    return answers(fate(UNLINK, path, NULL, 0), &result) ? result : real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    int result;
    if (!access(path, F_OK)) return real(path, mode);
    return answers(fate(MAKE_DIRECTORY, path, NULL, 0), &result) ? result : real(path, mode);
}
