import NIOCore

@testable import RemotingProtocol

/// Reproducible randomness: the seed is all there is.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A frame around a header's text, without the four bytes of its length.
func frame(json header: String, body: [UInt8] = []) -> ByteBuffer {
    frame(type: 0, header: Array(header.utf8), body: body)
}

func frame(type: UInt8, header: [UInt8], body: [UInt8] = []) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt32(type) << 24 | UInt32(header.count))
    buffer.writeBytes(header)
    buffer.writeBytes(body)
    return buffer
}

func received(json header: String, body: [UInt8] = []) throws(FrameError) -> ReceivedCommand {
    try ReceivedCommand(frame: frame(json: header, body: body))
}

/// A command whose extFields are `fields`, written as they stand.
func received(fields: String, code: Int32 = 11) throws(FrameError) -> ReceivedCommand {
    try received(json: #"{"code":\#(code),"extFields":{\#(fields)},"flag":0,"opaque":1}"#)
}

extension RemotingCommand {
    func bytes(as serialization: SerializationType = .json) -> [UInt8] {
        var buffer = ByteBuffer()
        self.encode(into: &buffer, as: serialization)
        return Array(buffer.readableBytesView)
    }

    /// The header's text of the JSON form.
    var headerText: String {
        let bytes = self.bytes()
        return String(decoding: bytes[8..<(bytes.count - self.body.count)], as: UTF8.self)
    }
}

/// Bytes from pairs of hexadecimal digits; blanks do not count.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
}

/// Touches everything that a command offers, so that a wild reference would show.
func touchEverything(of command: ReceivedCommand) {
    _ = command.remark
    _ = command.language.name
    _ = command.allFields
    _ = command.string("topic")
    _ = try? command.requiredInt32("queueId")
    _ = try? command.requiredInt64("queueOffset")
    _ = try? command.requiredBool("batch")
    _ = try? SendRequest(command)
    _ = try? PullRequest(command)
    _ = try? SendResponse(command)
    _ = try? PullResponse(command)
    command.withBodyBytes { bytes in
        _ = try? JSONValue(parsing: bytes)
        _ = try? MessageBatch.members(of: bytes)
    }
}
