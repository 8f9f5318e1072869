/// An IP address and a port, as messages carry the hosts where they were born and stored.
package struct HostAddress: Hashable, Sendable {
    /// The IP's bytes as they lie in memory, in network order; zeroes behind an IPv4. No array: an
    /// address goes with every request and every message.
    private let first: UInt64
    private let second: UInt64
    package let isIPv6: Bool
    package var port: Int32

    /// `ip` has 4 bytes (IPv4) or 16 bytes (IPv6), in network order.
    package init(ip: [UInt8], port: Int32) {
        precondition(ip.count == 4 || ip.count == 16, "an IP address has 4 or 16 bytes")
        var words = (UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: ip) }
        (self.first, self.second) = words
        self.isIPv6 = ip.count == 16
        self.port = port
    }

    package var ip: [UInt8] { self.withIPBytes { Array($0) } }

    package static let unknown = Self(ip: [0, 0, 0, 0], port: 0)

    /// Bytes that the address takes in a message: the IP and a port of four bytes.
    package var encodedCount: Int { self.isIPv6 ? 20 : 8 }

    package func withIPBytes<R, E: Error>(
        _ use: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try withUnsafeBytes(of: (self.first, self.second)) { bytes throws(E) in
            try use(UnsafeRawBufferPointer(rebasing: bytes[..<(self.isIPv6 ? 16 : 4)]))
        }
    }
}

extension HostAddress {
    /// Parses dotted IPv4, such as `127.0.0.1`. Returns nil for anything else.
    package init?(ipv4 text: some StringProtocol, port: Int32) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { UInt8($0) }
        guard parts.count == 4, bytes.count == 4 else { return nil }
        self.init(ip: bytes, port: port)
    }
}

extension HostAddress: CustomStringConvertible {
    /// `a.b.c.d:port`, or `[x:x:x:x:x:x:x:x]:port` for IPv6.
    package var description: String {
        if !self.isIPv6 {
            return self.ip.map(String.init).joined(separator: ".") + ":\(self.port)"
        }
        let groups = stride(from: 0, to: 16, by: 2).map { index in
            String(UInt16(self.ip[index]) << 8 | UInt16(self.ip[index + 1]), radix: 16)
        }
        return "[" + groups.joined(separator: ":") + "]:\(self.port)"
    }
}
