import MessageFormat
import NIOCore
import Testing

@testable import RemotingProtocol

@Suite("Numbers and escapes as text")
struct TextTests {
    private func integer<T: FixedWidthInteger & SignedInteger>(_ text: String, _: T.Type) -> T? {
        Array(text.utf8).withUnsafeBytes { DecimalText.integer($0, as: T.self) }
    }

    @Test(
        "numbers are read as Swift reads them",
        arguments: [
            "0", "-0", "+7", "007", "2147483647", "2147483648", "-2147483648", "-2147483649",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "-9223372036854775809", "999999999999999999", "1000000000000000000",
            "00000000000000000000000012", "", "-", "+", "1a", "--1", "1-", " 1",
            "99999999999999999999",
            "000000000000000000000000000", "12345678901234567890123a",
        ])
    func numbers(_ text: String) {
        #expect(self.integer(text, Int64.self) == Int64(text))
        #expect(self.integer(text, Int32.self) == Int32(text))
    }

    @Test("numbers are written as Swift writes them")
    func written() throws {
        var numbers: [Int64] = [0, 9, 10, .max, .min, .min + 1]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            numbers += [power - 1, power, -power, 1 - power]
        }
        for number in numbers {
            var buffer = ByteBuffer()
            HeadWriter.write(.json, bodyCount: 0, countMax: 24, into: &buffer) {
                $0.decimal(number)
            }
            buffer.moveReaderIndex(forwardBy: 8)
            #expect(String(buffer: buffer) == String(number))
        }
    }

    @Test("each byte at each place of a text is escaped, or left alone")
    func needsEscape() {
        for count in 1..<20 {
            for place in 0..<count {
                for byte in UInt8(0)...255 {
                    var bytes = [UInt8](repeating: 0x61, count: count)
                    bytes[place] = byte
                    let wanted = JSONText.escapedCount(byte) != 1
                    #expect(bytes.withUnsafeBytes { JSONText.needsEscape($0) } == wanted)
                }
            }
        }
    }

    @Test("escapes of four digits are what their number says", arguments: 0..<0x200)
    func unescaped(_ number: Int) {
        let digits = String(number, radix: 16)
        let text = "a\\u" + String(repeating: "0", count: 4 - digits.count) + digits + "b"
        let bytes = Array(text.utf8).withUnsafeBytes { JSONText.unescaped($0) }
        let scalar = Unicode.Scalar(UInt32(number)).map(String.init) ?? ""
        #expect(bytes == Array("a\(scalar)b".utf8))
    }
}
