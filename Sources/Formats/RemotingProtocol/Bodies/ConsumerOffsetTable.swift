package import MessageFormat

/// Every group's offsets on one broker: the answer to `getAllConsumerOffset`.
package struct ConsumerOffsetTable: Hashable, Sendable {
    /// By `topic@group`, then by queue id.
    package var offsets: [String: [Int32: Int64]]
    package var dataVersion: DataVersion?

    package init(offsets: [String: [Int32: Int64]], dataVersion: DataVersion? = nil) {
        self.offsets = offsets
        self.dataVersion = dataVersion
    }
}

extension ConsumerOffsetTable: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(offsets: [:])
        let table = JSONValue.object(try json.members("offsetTable"))
        for member in table.members ?? [] {
            self.offsets[member.name] = try Self.queues(try table.members(member.name))
        }
        if let version = json["dataVersion"] { self.dataVersion = try DataVersion(json: version) }
    }

    private static func queues(_ members: [JSONMember]) throws(BodyError) -> [Int32: Int64] {
        var queues: [Int32: Int64] = [:]
        for member in members {
            guard let queueID = Int32(member.name), let offset = member.value.int64 else {
                throw .wrongType(field: "offsetTable", expected: "a table of offsets")
            }
            queues[queueID] = offset
        }
        return queues
    }

    package var json: JSONValue {
        let table = self.offsets.mapValues { queues in
            JSONValue.object(
                queues.sorted { $0.key < $1.key }
                    .map { JSONMember(String($0.key), .integer($0.value), isBare: true) })
        }
        let offsets = JSONMember("offsetTable", .sorted(table))
        guard let version = self.dataVersion else { return .object([offsets]) }
        return .object([JSONMember("dataVersion", version.json), offsets])
    }
}
