package import MessageFormat
package import NIOCore

extension HostAddress {
    /// The IP address of a socket, `unknown` when it has none (any more).
    package init(_ address: SocketAddress?) {
        switch address {
        case .v4: self.init(address, ipAt: 4, count: 4)
        case .v6: self.init(address, ipAt: 8, count: 16)
        case .unixDomainSocket, nil: self = .unknown
        }
    }

    /// The places of the IP in `sockaddr_in` and `sockaddr_in6` are the same on every system.
    private init(_ address: SocketAddress?, ipAt start: Int, count: Int) {
        let ip = address?.withSockAddr { pointer, size in
            Array(UnsafeRawBufferPointer(start: pointer, count: size)[start..<start + count])
        }
        self.init(
            ip: Self.unmapped(ip ?? Self.unknown.ip), port: Int32(clamping: address?.port ?? 0))
    }

    /// An IPv4 peer of a dual-stack socket appears as `::ffff:a.b.c.d`; clients know it by its own.
    private static func unmapped(_ ip: [UInt8]) -> [UInt8] {
        let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        return ip.count == 16 && ip.starts(with: prefix) ? Array(ip.suffix(4)) : ip
    }
}
