import Glibc

/// Signals that would end the process where an error code does.
enum Signals {
    /// A file size limit (`SIGXFSZ`) and a closed pipe (`SIGPIPE`) show as `EFBIG` and `EPIPE`.
    static func ignoreWriteSignals() {
        signal(SIGXFSZ, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }
}
