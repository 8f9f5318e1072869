#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import MessageFormat
import NIOCore
import Synchronization

/// What tells one client instance from every other: `ip@pid#number`.
struct ClientIdentity: Sendable {
    private static let lastNumber = Atomic<UInt32>(0)

    let ip: [UInt8]
    let processID: Int32
    /// Differs between instances of one process, and between processes that had the same id.
    let instance: UInt32
    let clientID: String

    init() {
        self.ip = Self.localIP() ?? [127, 0, 0, 1]
        self.processID = getpid()
        let number = Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        let started = UInt32(truncatingIfNeeded: SystemClock.wall().milliseconds)
        self.instance = started &* 2_654_435_761 &+ number
        let address = self.ip.map(String.init).joined(separator: ".")
        self.clientID = "\(address)@\(self.processID)#\(self.instance)"
    }

    /// The first IPv4 address that is not the loopback's.
    private static func localIP() -> [UInt8]? {
        let devices = (try? System.enumerateDevices()) ?? []
        let addresses = devices.compactMap { $0.address?.ipAddress }
        return addresses.lazy
            .compactMap { HostAddress(ipv4: $0, port: 0)?.ip }
            .first { $0[0] != 127 && $0[0] != 0 }
    }
}
