import Glibc

/// Lets one thread sleep until another has work for it. A signal that comes early is kept.
final class Wakeup: @unchecked Sendable {
    // `pending` is only touched with `mutex` held; the two pointers never change.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var pending = false

    init() {
        pthread_mutex_init(self.mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(self.condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(self.condition)
        pthread_mutex_destroy(self.mutex)
        self.condition.deallocate()
        self.mutex.deallocate()
    }

    func signal() {
        pthread_mutex_lock(self.mutex)
        self.pending = true
        pthread_cond_signal(self.condition)
        pthread_mutex_unlock(self.mutex)
    }

    /// Returns at the next signal, or after `timeoutMilliseconds`.
    func wait(timeoutMilliseconds: Int? = nil) {
        var deadline = timespec()
        if let timeoutMilliseconds {
            let nanoseconds = MonotonicClock.now() + Int64(timeoutMilliseconds) * 1_000_000
            deadline.tv_sec = Int(nanoseconds / 1_000_000_000)
            deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        }
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while !self.pending {
            if timeoutMilliseconds == nil {
                pthread_cond_wait(self.condition, self.mutex)
            } else if pthread_cond_timedwait(self.condition, self.mutex, &deadline) != 0 {
                break
            }
        }
        self.pending = false
    }
}

/// The clock by which writes and flushes are timed, in nanoseconds.
enum MonotonicClock {
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
