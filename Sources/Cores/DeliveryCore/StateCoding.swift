internal import MessageFormat

/// Why a record of the log says nothing about topics, groups or offsets.
package enum StateRecordError: Error, Hashable {
    case wrongVersion(UInt8)
    case truncated(bytes: Int, needed: Int)
    case notUTF8(field: String)
    case illegalValue(field: String)
    case trailingBytes(Int)
}

/// Writes a payload: integers in network order, texts with their length in two bytes.
struct StateWriter {
    static let version = UInt8(1)

    private(set) var bytes: [UInt8]

    /// Starts a payload.
    init() { self.bytes = [Self.version] }

    /// Starts a part of a payload.
    init(part: Void) { self.bytes = [] }

    mutating func put(part: Self) { self.bytes.append(contentsOf: part.bytes) }

    mutating func put<T: FixedWidthInteger>(_ value: T) { self.bytes.append(bigEndian: value) }

    mutating func put(_ flag: Bool) { self.bytes.append(flag ? 1 : 0) }

    mutating func put(_ text: String) {
        precondition(text.utf8.count <= Int(UInt16.max), "tables take no texts that long")
        self.put(UInt16(text.utf8.count))
        self.bytes.append(contentsOf: text.utf8)
    }

    mutating func put(_ version: DataVersion) {
        self.put(version.stateVersion)
        self.put(version.timestamp.milliseconds)
        self.put(version.counter)
    }

    mutating func put(_ attributes: [String: String]) {
        self.put(UInt16(attributes.count))
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            self.put(name)
            self.put(value)
        }
    }
}

/// Reads a payload. Nothing in it is trusted: it may come from a rotten disk or another version.
struct StateReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) throws(StateRecordError) {
        self.bytes = bytes
        let version = try self.integer(UInt8.self)
        guard version == StateWriter.version else { throw .wrongVersion(version) }
    }

    var isAtEnd: Bool { self.at == self.bytes.count }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(StateRecordError) -> T {
        try self.need(MemoryLayout<T>.size)
        defer { self.at += MemoryLayout<T>.size }
        return self.bytes.bigEndian(type, at: self.at)
    }

    mutating func flag(_ field: String) throws(StateRecordError) -> Bool {
        switch try self.integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .illegalValue(field: field)
        }
    }

    mutating func text(_ field: String) throws(StateRecordError) -> String {
        let count = Int(try self.integer(UInt16.self))
        try self.need(count)
        let slice = self.bytes.slice(self.at..<(self.at + count))
        self.at += count
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw .notUTF8(field: field)
        }
        return text
    }

    mutating func dataVersion() throws(StateRecordError) -> DataVersion {
        let stateVersion = try self.integer(Int64.self)
        let timestamp = Timestamp(milliseconds: try self.integer(Int64.self))
        let counter = try self.integer(Int64.self)
        return DataVersion(stateVersion: stateVersion, timestamp: timestamp, counter: counter)
    }

    mutating func attributes() throws(StateRecordError) -> [String: String] {
        var attributes: [String: String] = [:]
        for _ in 0..<(try self.integer(UInt16.self)) {
            let name = try self.text("attribute name")
            attributes[name] = try self.text("attribute value")
        }
        return attributes
    }

    func finish() throws(StateRecordError) {
        guard self.isAtEnd else { throw .trailingBytes(self.bytes.count - self.at) }
    }

    private func need(_ count: Int) throws(StateRecordError) {
        guard self.bytes.count - self.at >= count else {
            throw .truncated(bytes: self.bytes.count - self.at, needed: count)
        }
    }
}

extension TopicConfig {
    func write(to writer: inout StateWriter) {
        writer.put(self.name)
        writer.put(self.readQueues)
        writer.put(self.writeQueues)
        writer.put(self.permission.rawValue)
        writer.put(self.systemFlag)
        writer.put(self.isOrdered)
        writer.put(self.filterType)
        writer.put(self.attributes)
    }

    init(from reader: inout StateReader) throws(StateRecordError) {
        self.init(name: try reader.text("topic"))
        self.readQueues = try reader.integer(Int32.self)
        self.writeQueues = try reader.integer(Int32.self)
        self.permission = TopicPermission(rawValue: try reader.integer(Int32.self))
        self.systemFlag = try reader.integer(Int32.self)
        self.isOrdered = try reader.flag("order")
        self.filterType = try reader.text("filter type")
        self.attributes = try reader.attributes()
        guard TopicTable.formProblem(with: self) == nil else { throw .illegalValue(field: "topic") }
    }
}

extension SubscriptionGroupConfig {
    func write(to writer: inout StateWriter) {
        writer.put(self.name)
        for flag in [
            self.consumeEnable, self.consumeFromMinEnable, self.consumeBroadcastEnable,
            self.consumeMessageOrderly, self.notifyConsumerIDsChangedEnable,
        ] {
            writer.put(flag)
        }
        writer.put(self.retryQueues)
        writer.put(self.retryTimesMax)
        writer.put(self.brokerID)
        writer.put(self.whichBrokerWhenConsumeSlowly)
        writer.put(self.systemFlag)
        writer.put(self.consumeTimeoutMinutes)
        writer.put(self.attributes)
    }

    init(from reader: inout StateReader) throws(StateRecordError) {
        self.init(name: try reader.text("group"))
        self.consumeEnable = try reader.flag("consumeEnable")
        self.consumeFromMinEnable = try reader.flag("consumeFromMinEnable")
        self.consumeBroadcastEnable = try reader.flag("consumeBroadcastEnable")
        self.consumeMessageOrderly = try reader.flag("consumeMessageOrderly")
        self.notifyConsumerIDsChangedEnable = try reader.flag("notifyConsumerIDsChangedEnable")
        self.retryQueues = try reader.integer(Int32.self)
        self.retryTimesMax = try reader.integer(Int32.self)
        self.brokerID = try reader.integer(Int64.self)
        self.whichBrokerWhenConsumeSlowly = try reader.integer(Int64.self)
        self.systemFlag = try reader.integer(Int32.self)
        self.consumeTimeoutMinutes = try reader.integer(Int32.self)
        self.attributes = try reader.attributes()
        guard GroupTable.formProblem(with: self) == nil else { throw .illegalValue(field: "group") }
    }
}
