import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How many files and sockets this process may have open.
enum OpenFiles {
    /// A store must be able to open its files and a server its links to others, however many
    /// strangers connect.
    static let reserve = 512

    /// As many as the system allows without asking anybody; servers of other kinds raise their limit
    /// at the start, too.
    static let limit: Int = {
        var limit = rlimit()
        guard getrlimit(Self.resource, &limit) == 0 else { return 1_024 }
        let wanted = min(limit.rlim_max, 1 << 20)
        if limit.rlim_cur < wanted {
            let before = limit.rlim_cur
            limit.rlim_cur = wanted
            if setrlimit(Self.resource, &limit) != 0 { limit.rlim_cur = before }
        }
        return Int(clamping: limit.rlim_cur)
    }()

    /// How many connections a server may admit that was told to admit `asked`.
    static func connectionsMax(asked: Int, limit: Int = Self.limit) -> Int {
        min(asked, limit - min(Self.reserve, limit / 2))
    }

    #if canImport(Glibc)
        private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let resource = RLIMIT_NOFILE
    #endif
}
