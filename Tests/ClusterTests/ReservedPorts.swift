import Glibc
import Synchronization

/// Loopback ports for servers whose ports must be known before they start.
///
/// A port given out stays bound, without anybody listening, until the process ends: the kernel gives
/// it to nobody else, neither to another test nor to an outgoing connection, while servers, which
/// bind with `SO_REUSEADDR`, may listen there as often as they like.
enum ReservedPorts {
    struct NoneLeft: Error {}

    private static let held = Mutex<[Int32]>([])

    static func one() throws -> Int {
        let (descriptor, port) = try Self.reserve(0)
        Self.held.withLock { $0.append(descriptor) }
        return port
    }

    /// A port, and the one behind it.
    static func pair() throws -> Int {
        for _ in 0..<100 {
            let (first, port) = try Self.reserve(0)
            if let (second, _) = try? Self.reserve(port + 1) {
                Self.held.withLock { $0 += [first, second] }
                return port
            }
            close(first)
        }
        throw NoneLeft()
    }

    private static func reserve(_ port: Int) throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        // Only after binding: with it, the kernel would give out a port that is held already.
        var yes: Int32 = 1
        guard
            isBound,
            setsockopt(
                descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
                == 0
        else {
            close(descriptor)
            throw NoneLeft()
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}
