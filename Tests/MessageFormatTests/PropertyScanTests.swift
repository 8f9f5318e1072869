import MessageFormat
import Testing

@Suite("Walking over properties")
struct PropertyScanTests {
    /// The rule of the format, byte by byte: name, 1, value, 2; whatever else is passed over.
    private static func slowly(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split(separator: 2, omittingEmptySubsequences: false).flatMap { entry -> [[UInt8]] in
            guard let separator = entry.firstIndex(of: 1), separator > entry.startIndex,
                separator + 1 < entry.endIndex
            else { return [] }
            return [Array(entry[..<separator]), Array(entry[(separator + 1)...])]
        }
    }

    private static func scanned(_ bytes: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        bytes.withUnsafeBytes { bytes in
            PropertyScan.forEach(in: bytes) { found += [Array($0), Array($1)] }
        }
        return found
    }

    @Test("any bytes are taken apart as the format says")
    func anyBytes() {
        // Few different bytes, so that separators stand at every distance from each other.
        var state: UInt64 = 1
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for _ in 0..<20_000 {
            let dense = next() % 2 == 0
            let bytes = (0..<Int(next() % 40)).map { _ in
                UInt8(truncatingIfNeeded: dense ? next() % 5 : next() % 16 == 0 ? next() % 4 : 0x61)
            }
            #expect(Self.scanned(bytes) == Self.slowly(bytes), "\(bytes)")
        }
    }

    @Test("texts of every length are compared to their last byte")
    func equal() {
        let text: StaticString = "APUS_SEQ_DONE_OF_25_BYTES"
        let bytes = Array("\(text)".utf8)
        bytes.withUnsafeBytes { #expect(PropertyScan.equal($0, text)) }
        for place in bytes.indices {
            var other = bytes
            other[place] ^= 1
            other.withUnsafeBytes { #expect(!PropertyScan.equal($0, text)) }
        }
        bytes.dropLast().withUnsafeBytes { #expect(!PropertyScan.equal($0, text)) }
    }
}
