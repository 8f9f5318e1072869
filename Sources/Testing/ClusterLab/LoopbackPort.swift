import Glibc

/// Questions about a TCP port on this machine.
package enum LoopbackPort {
    /// Whether a server could listen there now; it asks as servers do, with `SO_REUSEADDR`, so a
    /// connection that is still closing does not count.
    package static func isFree(_ port: Int) -> Bool {
        self.withSocket { file in
            var yes: Int32 = 1
            setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            return self.withAddress(port) { bind(file, $0, $1) == 0 } && listen(file, 1) == 0
        }
    }

    /// Whether anybody listens on the port in the network that the process lives in.
    package static func isListening(_ port: Int, besides process: ProcessIdentity) -> Bool {
        let table = SmallFile.read("/proc/\(process.pid)/net/tcp") ?? ""
        return self.listens(port, table: table)
    }

    /// `table` is the kernel's: `sl local_address rem_address st …`, numbers in hexadecimal.
    static func listens(_ port: Int, table: String) -> Bool {
        let digits = String(port, radix: 16, uppercase: true).leftPadded(to: 4, with: "0")
        return table.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 4)
            return fields.count > 3 && fields[3] == "0A" && fields[1].hasSuffix(":\(digits)")
        }
    }

    private static func withSocket(_ use: (Int32) -> Bool) -> Bool {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard file >= 0 else { return false }
        defer { close(file) }
        return use(file)
    }

    private static func withAddress(
        _ port: Int, _ use: (UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
