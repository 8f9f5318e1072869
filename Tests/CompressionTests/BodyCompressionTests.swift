import MessageFormat
import Testing

@testable import Compression

@Suite("compressed bodies")
struct BodyCompressionTests {
    private static let text = Array(String(repeating: "lorem ipsum ", count: 1_000).utf8)

    @Test("what is compressed comes back", arguments: [1, 5, 9])
    func roundTrip(level: Int) throws {
        let compressed = try #require(BodyCompression.compressed(Self.text, level: level))
        #expect(compressed.count < 1_000)
        #expect(try BodyCompression.inflated(compressed, .compressedByZlib) == Self.text)
        // Old clients set the first bit only.
        #expect(try BodyCompression.inflated(compressed, .compressed) == Self.text)
    }

    @Test("a body that is not marked as compressed is left alone")
    func plain() throws {
        #expect(try BodyCompression.inflated([1, 2, 3], []) == [1, 2, 3])
        #expect(try BodyCompression.inflated([1, 2, 3], .transactionPrepared) == [1, 2, 3])
    }

    @Test("noise is not made larger")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<8_192).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(BodyCompression.compressed(noise, level: 9) == nil)
    }

    @Test("a stream that another zlib made is read")
    func foreign() throws {
        // python3 -c 'import zlib; print(zlib.compress(b"hello hello hello").hex())'
        let stream: [UInt8] = [
            0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00, 0x3a, 0x2e,
            0x06, 0x7d,
        ]
        #expect(
            try BodyCompression.inflated(stream, .compressed) == Array("hello hello hello".utf8))
    }

    @Test(
        "a method that is not there is named",
        arguments: [(CompressionType.lz4, "LZ4"), (.zstd, "Zstandard")])
    func unsupported(type: CompressionType, name: String) {
        let flag = SystemFlag(rawValue: 1 | type.rawValue << 8)
        #expect(throws: CompressionError.unsupported(type)) {
            try BodyCompression.inflated([1], flag)
        }
        #expect("\(CompressionError.unsupported(type))".contains(name))
    }

    @Test("damage is an error, wherever it is")
    func damaged() throws {
        let text = Array(Self.text.prefix(200))
        let good = try #require(BodyCompression.compressed(text, level: 5))
        for count in 0..<good.count {
            #expect(throws: CompressionError.damaged, "\(count) of \(good.count) bytes") {
                try BodyCompression.inflated(Array(good.prefix(count)), .compressed)
            }
        }
        for place in good.indices {
            var bad = good
            bad[place] ^= 0x10
            // A flipped bit may leave a valid stream only where it says nothing about the content.
            if let inflated = try? BodyCompression.inflated(bad, .compressed) {
                #expect(inflated == text, "byte \(place)")
            }
        }
    }

    @Test("a few bytes that stand for very many are refused, and cost no more than the limit")
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 8 << 20)
        let bomb = try #require(BodyCompression.compressed(zeros, level: 9))
        #expect(bomb.count < 16 << 10)
        #expect(throws: CompressionError.tooLarge(bytesMax: 1 << 20)) {
            try BodyCompression.inflated(bomb, .compressed, bytesMax: 1 << 20)
        }
        #expect(try BodyCompression.inflated(bomb, .compressed, bytesMax: 8 << 20) == zeros)
    }

    @Test("a machine without the library has none")
    func noLibrary() { #expect(Zlib(names: ["libz-of-nowhere.so.1"]) == nil) }
}
