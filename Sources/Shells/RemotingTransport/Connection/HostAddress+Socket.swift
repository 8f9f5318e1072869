package import MessageFormat
package import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension HostAddress {
    /// The IP address of a socket, `unknown` when it has none (any more).
    package init(_ address: SocketAddress?) {
        switch address {
        case .v4(let v4):
            let ip = withUnsafeBytes(of: v4.address.sin_addr) { Array($0) }
            self.init(ip: ip, port: Int32(UInt16(bigEndian: v4.address.sin_port)))
        case .v6(let v6):
            let ip = withUnsafeBytes(of: v6.address.sin6_addr) { Array($0) }
            let port = Int32(UInt16(bigEndian: v6.address.sin6_port))
            self.init(ip: Self.unmapped(ip), port: port)
        case .unixDomainSocket, nil:
            self = .unknown
        }
    }

    /// An IPv4 peer of a dual-stack socket appears as `::ffff:a.b.c.d`; clients know it by its own.
    private static func unmapped(_ ip: [UInt8]) -> [UInt8] {
        let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        return ip.starts(with: prefix) ? Array(ip.suffix(4)) : ip
    }
}
