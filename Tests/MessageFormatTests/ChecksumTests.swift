import MessageFormat
import Testing

@Suite("Checksums")
struct ChecksumTests {
    private static let digits = Array("123456789".utf8)

    /// One bit after the other: slow, and plain enough to trust.
    private static func reference(_ bytes: ArraySlice<UInt8>, polynomial: UInt32) -> UInt32 {
        ~bytes.reduce(UInt32.max) { checksum, byte in
            (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in
                value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1
            }
        }
    }

    @Test("the vectors that everybody knows")
    func knownVectors() {
        Self.digits.withUnsafeBytes {
            #expect(Checksum.crc32($0) == 0xCBF4_3926)
            #expect(Checksum.crc32c($0) == 0xE306_9283)
        }
        [UInt8](repeating: 0, count: 32).withUnsafeBytes {
            #expect(Checksum.crc32c($0) == 0x8A91_36AA)
        }
        [UInt8](repeating: 0xFF, count: 32).withUnsafeBytes {
            #expect(Checksum.crc32c($0) == 0x62A8_AB43)
        }
        [UInt8]().withUnsafeBytes {
            #expect(Checksum.crc32($0) == 0)
            #expect(Checksum.crc32c($0) == 0)
        }
    }

    @Test("any length at any alignment gives what the slow way gives")
    func lengthsAndAlignments() {
        let bytes = (0..<1100).map { UInt8(truncatingIfNeeded: $0 &* 131 ^ $0 >> 3) }
        for start in 0..<9 {
            for count in Array(0..<80) + [127, 128, 255, 256, 257, 511, 512, 1000, 1024] {
                let slice = bytes[start..<(start + count)]
                slice.withUnsafeBytes {
                    #expect(Checksum.crc32($0) == Self.reference(slice, polynomial: 0xEDB8_8320))
                    #expect(Checksum.crc32c($0) == Self.reference(slice, polynomial: 0x82F6_3B78))
                }
            }
        }
    }

    @Test("lanes of every size give what the slow way gives", arguments: [12_288, 13_100, 40_000])
    func lanes(count: Int) {
        let bytes = (0..<(count + 3)).map { UInt8(truncatingIfNeeded: $0 &* 131 ^ $0 >> 5) }[3...]
        bytes.withUnsafeBytes {
            #expect(Checksum.crc32c($0) == Self.reference(bytes, polynomial: 0x82F6_3B78))
        }
    }

    @Test("a checksum can be continued at any point")
    func continued() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        bytes.withUnsafeBytes { all in
            for cut in 0...all.count {
                let (head, tail) = (all.slice(0..<cut), all.slice(cut..<all.count))
                #expect(Checksum.crc32(tail, seed: Checksum.crc32(head)) == Checksum.crc32(all))
                #expect(Checksum.crc32c(tail, seed: Checksum.crc32c(head)) == Checksum.crc32c(all))
            }
        }
    }

    @Test("a body's checksum lacks the highest bit, and no body has 0")
    func bodyChecksum() {
        Self.digits.withUnsafeBytes { #expect(Checksum.ofBody($0) == 0x4BF4_3926) }
        #expect(Checksum.ofBody(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
    }
}
