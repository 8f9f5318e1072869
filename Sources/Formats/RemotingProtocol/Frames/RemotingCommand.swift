package import NIOCore

/// A field of a command's header: text to text.
package struct HeaderField: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// A command that is to be sent: a request or an answer.
package struct RemotingCommand: Hashable, Sendable {
    package var code: Int32
    package var opaque: Int32 = 0
    package var flag: Int32 = 0
    package var version: Int32 = ProtocolVersion.current
    package var language: LanguageCode = .other
    package var remark: String?
    package var fields: [HeaderField] = []
    package var body: [UInt8] = []

    package init(
        code: Int32, opaque: Int32 = 0, flag: Int32 = 0, version: Int32 = ProtocolVersion.current,
        language: LanguageCode = .other, remark: String? = nil, fields: [HeaderField] = [],
        body: [UInt8] = []
    ) {
        self.code = code
        self.opaque = opaque
        self.flag = flag
        self.version = version
        self.language = language
        self.remark = remark
        self.fields = fields
        self.body = body
    }

    /// A request; whoever sends it sets `opaque`.
    package static func request(
        _ code: RequestCode, fields: KeyValuePairs<String, String> = [:], body: [UInt8] = [],
        oneWay: Bool = false
    ) -> Self {
        Self(
            code: code.rawValue, flag: oneWay ? CommandFlag.oneWay : 0,
            fields: fields.map { HeaderField(name: $0.key, value: $0.value) }, body: body)
    }

    /// The answer to the request numbered `opaque`.
    package static func response(
        _ code: ResponseCode, to opaque: Int32, remark: String? = nil,
        fields: KeyValuePairs<String, String> = [:], body: [UInt8] = []
    ) -> Self {
        Self(
            code: code.rawValue, opaque: opaque, flag: CommandFlag.response,
            remark: remark.map(Self.shortened),
            fields: fields.map { HeaderField(name: $0.key, value: $0.value) }, body: body)
    }

    /// Remarks quote what a peer sent: they must not grow with it.
    private static func shortened(_ remark: String) -> String {
        guard remark.utf8.count > Self.remarkBytesMax else { return remark }
        return String(decoding: remark.utf8.prefix(Self.remarkBytesMax), as: UTF8.self) + "…"
    }

    /// Longest remark of an answer, in bytes.
    package static let remarkBytesMax = 2_048

    package var isResponse: Bool { self.flag & CommandFlag.response != 0 }
    package var isOneWay: Bool { self.flag & CommandFlag.oneWay != 0 }

    /// The value of a field; setting nil removes it.
    package subscript(name: String) -> String? {
        get { self.fields.last { $0.name == name }?.value }
        set {
            self.fields.removeAll { $0.name == name }
            if let newValue { self.fields.append(HeaderField(name: name, value: newValue)) }
        }
    }
}

extension RemotingCommand {
    /// Appends the whole frame, its length in front.
    package func encode(
        into buffer: inout ByteBuffer, as serialization: SerializationType = .json
    ) {
        self.encodeHead(bodyCount: self.body.count, into: &buffer, as: serialization)
        buffer.writeBytes(self.body)
    }

    /// Appends the frame's head for a body of `bodyCount` bytes, which the caller appends next.
    package func encodeHead(
        bodyCount: Int, into buffer: inout ByteBuffer, as serialization: SerializationType = .json
    ) {
        // The binary header has 16 bits for the code.
        if serialization == .binary, Int16(exactly: self.code) != nil {
            HeadWriter.write(
                .binary, bodyCount: bodyCount, countMax: self.binaryCount, into: &buffer
            ) { self.writeBinary(to: &$0) }
        } else {
            HeadWriter.write(
                .json, bodyCount: bodyCount, countMax: self.jsonCountMax, into: &buffer
            ) { self.writeJSON(to: &$0) }
        }
    }

    private var jsonCountMax: Int {
        self.fields.reduce(160 + (self.remark.map(JSONText.escapedCountMax) ?? 0)) {
            $0 + 6 + JSONText.escapedCountMax($1.name) + JSONText.escapedCountMax($1.value)
        }
    }

    /// Keys in alphabetical order and no whitespace, as RocketMQ writes them: some clients split
    /// the text instead of parsing it. An answer always has `extFields`, even none.
    private func writeJSON(to head: inout HeadWriter) {
        head.text("{\"code\":")
        head.decimal(Int64(self.code))
        if !self.fields.isEmpty || self.isResponse {
            head.text(",\"extFields\":{")
            var isFirst = true
            for field in self.sortedFields {
                head.text(isFirst ? "\"" : ",\"")
                head.escaped(field.name)
                head.text("\":\"")
                head.escaped(field.value)
                head.text("\"")
                isFirst = false
            }
            head.text("}")
        }
        head.jsonTail(
            flag: self.flag, language: self.language, opaque: self.opaque, remark: self.remark,
            version: self.version)
    }

    private var sortedFields: [HeaderField] {
        let isSorted = zip(self.fields, self.fields.dropFirst()).allSatisfy { $0.name <= $1.name }
        return isSorted ? self.fields : self.fields.sorted { $0.name < $1.name }
    }

    private var binaryCount: Int {
        21 + (self.remark?.utf8.count ?? 0) + self.binaryFieldsCount
    }

    private var binaryFieldsCount: Int {
        self.fields.reduce(0) { $0 + 6 + $1.name.utf8.count + $1.value.utf8.count }
    }

    private func writeBinary(to head: inout HeadWriter) {
        head.integer(Int16(truncatingIfNeeded: self.code))
        head.integer(self.language.rawValue)
        head.integer(Int16(clamping: self.version))
        head.integer(self.opaque)
        head.integer(self.flag)
        head.integer(Int32(self.remark?.utf8.count ?? 0))
        if let remark = self.remark { head.plain(remark) }
        head.integer(Int32(self.binaryFieldsCount))
        for field in self.fields {
            head.integer(Int16(truncatingIfNeeded: field.name.utf8.count))
            head.plain(field.name)
            head.integer(Int32(field.value.utf8.count))
            head.plain(field.value)
        }
    }
}

extension ReceivedCommand {
    /// The command as its receiver would see it, for worlds without sockets.
    package init(
        receiving command: RemotingCommand, as serialization: SerializationType = .json
    ) throws(FrameError) {
        var buffer = ByteBuffer()
        command.encode(into: &buffer, as: serialization)
        buffer.moveReaderIndex(forwardBy: 4)
        try self.init(frame: buffer)
    }
}
