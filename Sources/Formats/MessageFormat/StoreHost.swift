/// The store host of messages that a broker hands out.
///
/// Clients of the 4.x generation give a message back to the store host that it names. After a
/// failover that is a dead master: they would have nobody to give it back to. So who hands out a
/// message names itself. No checksum that a client knows covers the host.
package enum StoreHost {
    /// Writes `host` into each of the messages that fill `messages`, one behind the other.
    ///
    /// What cannot be read, and a message whose host is of the other IP version, stays as it is.
    package static func write(_ host: HostAddress, into messages: UnsafeMutableRawBufferPointer) {
        var at = 0
        let bytes = UnsafeRawBufferPointer(messages)
        while let message = try? StoredMessageView(bytes.slice(at..<bytes.count)) {
            let place = message.storeHostRange
            if place.count == host.encodedCount {
                _ = host.store(in: messages, at: at + place.lowerBound)
            }
            at += message.size
        }
    }
}
