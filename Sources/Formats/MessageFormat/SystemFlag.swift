/// Bits of a message's `sysFlag` that servers and clients act on (`messages.md` §3).
package struct SystemFlag: OptionSet, Hashable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let compressed = Self(rawValue: 1)
    package static let multiTag = Self(rawValue: 1 << 1)
    package static let transactionPrepared = Self(rawValue: 1 << 2)
    package static let transactionCommitted = Self(rawValue: 2 << 2)
    package static let transactionRollback = Self(rawValue: 3 << 2)
    package static let bornHostIPv6 = Self(rawValue: 1 << 4)
    package static let storeHostIPv6 = Self(rawValue: 1 << 5)

    /// 0 none, 4 prepared, 8 commit, 12 rollback.
    package var transactionBits: Int32 { self.rawValue & (3 << 2) }
}

/// How a compressed body was made: bits 8–10 of the `sysFlag`. Zero means zlib, as old clients
/// set only the first bit.
package enum CompressionType: Int32, Sendable {
    case lz4 = 1
    case zstd = 2
    case zlib = 3

    package init(_ flag: SystemFlag) {
        self = Self(rawValue: (flag.rawValue >> 8) & 7) ?? .zlib
    }
}
