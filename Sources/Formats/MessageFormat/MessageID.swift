/// The id under which a broker finds a message at once: its store host and physical offset.
///
/// Text form: upper-case hexadecimal of IP, port (4 bytes) and offset (8 bytes); 32 characters
/// with IPv4, 56 with IPv6. Clients parse it (`messages.md` §4).
package struct OffsetMessageID: Hashable, Sendable {
    package var storeHost: HostAddress
    package var physicalOffset: PhysicalOffset

    package init(storeHost: HostAddress, physicalOffset: PhysicalOffset) {
        self.storeHost = storeHost
        self.physicalOffset = physicalOffset
    }

    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 32 || text.utf8.count == 56,
            let bytes = Hexadecimal.decode(text)
        else { return nil }
        let ipCount = bytes.count - 12
        let (port, offset) = bytes.withUnsafeBytes {
            ($0.bigEndian(Int32.self, at: ipCount), $0.bigEndian(Int64.self, at: ipCount + 4))
        }
        self.storeHost = HostAddress(ip: Array(bytes[..<ipCount]), port: port)
        self.physicalOffset = PhysicalOffset(offset)
    }

    /// The longest text: of an IPv6 address.
    package static let textCountMax = 56

    package var text: String {
        var bytes = self.storeHost.ip
        bytes.append(bigEndian: self.storeHost.port)
        bytes.append(bigEndian: self.physicalOffset.bytes)
        return Hexadecimal.encode(bytes)
    }
}

/// Upper-case hexadecimal.
package enum Hexadecimal {
    private static let digits = Array("0123456789ABCDEF".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { out in
            for (index, byte) in bytes.enumerated() {
                out[index * 2] = Self.digits[Int(byte >> 4)]
                out[index * 2 + 1] = Self.digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = text.utf8.map(Self.value)
        guard digits.count.isMultiple(of: 2), digits.allSatisfy({ $0 < 16 }) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func value(_ digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: 255
        }
    }
}
