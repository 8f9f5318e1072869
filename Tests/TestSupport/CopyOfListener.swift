import Glibc

/// A copy of the socket that listens on a port: what a child holds between its fork and its program.
package func copyOfListener(on port: Int) -> Int32? {
    (3..<4_096).first { portListenedOn(by: $0) == port }.map { dup($0) }
}

private func portListenedOn(by descriptor: Int32) -> Int? {
    var isListening: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            getsockname(descriptor, $0, &length) == 0
        }
    }
    guard isKnown,
        getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0,
        isListening == 1
    else { return nil }
    return Int(UInt16(bigEndian: address.sin_port))
}
