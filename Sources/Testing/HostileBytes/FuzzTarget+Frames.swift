import MessageFormat
import NIOCore
import RemotingProtocol

extension FuzzTarget {
    /// A stream of frames, in pieces whose length the first byte says.
    static let frame = FuzzTarget(name: "frame", seeds: Self.frameSeeds) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes[1...])
        let whole = Self.commands(of: stream, piece: max(1, stream.count))
        let piece = max(1 + Int(first), stream.count / Self.piecesMax)
        let cut = Self.commands(of: stream, piece: piece)
        demand(
            whole.commands == cut.commands, "the same frames come out, however the stream is cut")
        demand(whole.hasFailed == cut.hasFailed, "and the same end")
    }

    /// A header alone, as JSON.
    static let jsonHeader = FuzzTarget(name: "json-header", seeds: { Self.headers(as: .json) }) {
        Self.readCommand($0, as: .json)
    }

    static let binaryHeader = FuzzTarget(
        name: "binary-header", seeds: { Self.headers(as: .binary) }
    ) {
        Self.readCommand($0, as: .binary)
    }

    /// A buffer of its own for each byte of a long stream would take most of the time.
    private static let piecesMax = 128

    private static func commands(
        of stream: UnsafeRawBufferPointer, piece: Int
    ) -> (commands: [Seen], hasFailed: Bool) {
        var decoder = FrameDecoder(bytesMax: 1 << 20)
        var commands: [Seen] = []
        do throws(FrameError) {
            for start in stride(from: 0, to: stream.count, by: piece) {
                let end = min(start + piece, stream.count)
                let bytes = UnsafeRawBufferPointer(rebasing: stream[start..<end])
                decoder.append(ByteBuffer(withNothingBehind: bytes))
                while let command = try decoder.next() {
                    commands.append(Seen(command))
                }
                demand(decoder.bufferedBytes <= end, "nothing waits that did not come")
            }
        } catch {
            return (commands, true)
        }
        return (commands, false)
    }

    private struct Seen: Equatable {
        let code: Int32
        let opaque: Int32
        let flag: Int32
        let body: Int

        init(_ command: ReceivedCommand) {
            self.code = command.code
            self.opaque = command.opaque
            self.flag = command.flag
            self.body = command.bodyCount
        }
    }

    private static func readCommand(_ header: UnsafeRawBufferPointer, as form: SerializationType) {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(form.rawValue) << 24 | UInt32(header.count & 0xFF_FFFF))
        bytes.append(contentsOf: header)
        let frame = bytes.withUnsafeBytes { ByteBuffer(withNothingBehind: $0) }
        guard let command = try? ReceivedCommand(frame: frame) else { return }
        let fields = command.allFields
        Self.readFields(command)
        Self.readAsRequests(command)
        // What was read can be written, and reads the same.
        let copy = RemotingCommand(
            code: command.code, opaque: command.opaque, flag: command.flag,
            version: command.version, remark: command.remark,
            fields: fields.map { HeaderField(name: $0.name, value: $0.value) })
        var encoded = ByteBuffer()
        copy.encode(into: &encoded)
        encoded.moveReaderIndex(forwardBy: 4)
        guard let again = try? ReceivedCommand(frame: encoded) else {
            return demand(
                fields.contains { $0.name.utf8.count > 10_000 }, "our own frames can be read")
        }
        demand(again.opaque == command.opaque && again.remark == command.remark, "the head stays")
        demand(
            Self.sorted(again.allFields).elementsEqual(Self.sorted(fields), by: ==),
            "the fields stay")
    }

    private static func sorted(
        _ fields: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        fields.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
    }

    private static func readFields(_ command: ReceivedCommand) {
        _ = command.string("topic")
        _ = command.nonEmptyString("a")
        _ = try? command.int32("queueId")
        _ = try? command.int64("queueOffset")
        _ = try? command.bool("order")
        _ = command.language.name
    }

    private static func readAsRequests(_ command: ReceivedCommand) {
        _ = try? SendRequest(command)
        _ = try? SendResponse(command)
        _ = try? PullRequest(command)
        _ = try? PullResponse(command)
        _ = try? PopRequest(command)
        _ = try? PopResponse(command)
        _ = try? BrokerHeartbeat(command)
        _ = try? GroupView(answer: command)
    }
}

extension ByteBuffer {
    /// These bytes at the very end of the memory that is allocated for them: the address sanitizer
    /// sees who reads on.
    fileprivate init(withNothingBehind bytes: UnsafeRawBufferPointer) {
        self = ByteBufferAllocator().buffer(capacity: bytes.count)
        self.writeRepeatingByte(0, count: self.capacity - bytes.count)
        self.moveReaderIndex(to: self.writerIndex)
        self.writeBytes(bytes)
    }
}

// Seeds.
extension FuzzTarget {
    private static func frameSeeds() -> [[UInt8]] {
        let frames = RequestTemplates.all.prefix(12).map { Self.bytes(of: $0, as: .json) }
        let binary = RequestTemplates.all.prefix(12).map { Self.bytes(of: $0, as: .binary) }
        return (frames + binary).map { [7] + $0 } + [[3] + frames.prefix(6).joined()]
    }

    private static func headers(as form: SerializationType) -> [[UInt8]] {
        RequestTemplates.all.map { command in
            let frame = Self.bytes(of: command, as: form)
            return Array(frame[8..<(frame.count - command.body.count)])
        }
    }

    private static func bytes(
        of command: RemotingCommand, as form: SerializationType
    ) -> [UInt8] {
        var bytes = ByteBuffer()
        command.encode(into: &bytes, as: form)
        return Array(bytes.readableBytesView)
    }
}
