/// An IP address and a port, as messages carry the hosts where they were born and stored.
package struct HostAddress: Hashable, Sendable {
    /// 4 bytes (IPv4) or 16 bytes (IPv6), network order.
    package var ip: [UInt8]
    package var port: Int32

    package init(ip: [UInt8], port: Int32) {
        precondition(ip.count == 4 || ip.count == 16, "an IP address has 4 or 16 bytes")
        self.ip = ip
        self.port = port
    }

    package static let unknown = Self(ip: [0, 0, 0, 0], port: 0)

    package var isIPv6: Bool { self.ip.count == 16 }

    /// Bytes that the address takes in a message: the IP and a port of four bytes.
    package var encodedCount: Int { self.ip.count + 4 }
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
