import NIOCore
import RemotingProtocol

/// A send's whole frame, made once for all connections; only the request's number and the message's
/// unique key change from one send to the next.
struct SendFrame: Sendable {
    /// Numbers have ten digits, so that all frames of a template are equally long.
    static let opaques = Int32(1_000_000_000)...Int32(1_999_999_999)
    private static let keyStart = String(repeating: "0", count: SendKey.digits)

    private let bytes: ByteBuffer
    /// Behind the last digit of each place of the number, the key's last.
    private let numberEnds: [Int]

    init(_ command: RemotingCommand) {
        var command = command
        command.opaque = Self.opaques.lowerBound
        let key = Self.keyStart + "\(command.opaque)"
        command["i"] = "UNIQ_KEY\u{1}\(key)\u{2}" + (command["i"] ?? "")
        var bytes = ByteBuffer()
        command.encode(into: &bytes)
        self.bytes = bytes
        self.numberEnds = ["\"opaque\":\(command.opaque)", key].compactMap { text in
            Self.end(of: Array(text.utf8), in: bytes)
        }
    }

    /// The header comes before the body, so that the first place is the right one.
    private static func end(of text: [UInt8], in bytes: ByteBuffer) -> Int? {
        bytes.withUnsafeReadableBytes { bytes in
            bytes.indices.first { bytes[$0] == text[0] && bytes[$0...].starts(with: text) }
                .map { $0 + text.count }
        }
    }

    func write(numbered opaque: Int32, of key: SendKey, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeImmutableBuffer(self.bytes)
        let (first, last) = Self.digits(of: opaque)
        for end in self.numberEnds {
            buffer.setInteger(first, at: start + end - 10)
            buffer.setInteger(last, at: start + end - 2)
        }
        if let end = self.numberEnds.last {
            buffer.setBytes(key.start, at: start + end - 10 - SendKey.digits)
        }
    }

    /// Ten decimal digits, as two integers.
    private static func digits(of number: Int32) -> (UInt64, UInt16) {
        var left = UInt64(number.magnitude)
        var digits: [2 of UInt64] = [0, 0]
        for place in 0..<10 {
            let shift = UInt64(place < 2 ? place : place - 2) * 8
            digits[place < 2 ? 1 : 0] |= (0x30 + left % 10) << shift
            left /= 10
        }
        return (digits[0], UInt16(truncatingIfNeeded: digits[1]))
    }
}

/// What the unique keys of one generator's connection begin with.
struct SendKey: Sendable {
    /// 22 of a key's 32 digits.
    static let digits = 22

    let start: [UInt8]

    init(connection: Int) {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16, uppercase: true)
        let number = String(UInt16(truncatingIfNeeded: connection), radix: 16, uppercase: true)
        let zeroes = String(repeating: "0", count: Self.digits - digits.count - number.count)
        self.start = Array((zeroes + digits + number).utf8)
    }
}
