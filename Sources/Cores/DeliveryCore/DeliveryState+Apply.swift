package import MessageFormat

extension DeliveryState {
    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = DeliveryRecordKind(rawValue: kind) else {
            if try self.delays.apply(kind: kind, payload: payload) { return true }
            if try self.lockOwners.apply(kind: kind, payload: payload) { return true }
            if try self.transactions.apply(kind: kind, payload: payload) { return true }
            if try self.pops.apply(kind: kind, payload: payload) { return true }
            if try self.requestModes.apply(kind: kind, payload: payload) { return true }
            if try self.deadLetters.apply(kind: kind, payload: payload) { return true }
            return try self.idempotence.apply(kind: kind, payload: payload)
        }
        var reader = try StateReader(payload)
        switch kind {
        case .topicsPut: try self.applyTopics(&reader)
        case .topicsDeleted: try self.applyDeletedTopics(&reader)
        case .groupsPut: try self.applyGroups(&reader)
        case .groupsDeleted: try self.applyDeletedGroups(&reader)
        case .offsets:
            for record in try reader.offsetRecords() { self.offsets.restore(record) }
        case .offsetsReset:
            for record in try reader.offsetRecords() { self.offsets.restoreReset(record) }
        case .resetsEnded:
            for record in try reader.offsetRecords() {
                self.offsets.endReset(
                    group: record.group, topic: record.topic, queueID: record.queueID)
            }
        case .offsetsRemoved: try self.applyRemovedOffsets(&reader)
        }
        return true
    }

    /// The same for a record that is at hand.
    package mutating func apply(_ record: StateRecord) throws(StateRecordError) -> Bool {
        var result = Result<Bool, StateRecordError>.success(false)
        record.payload.withUnsafeBytes { bytes in
            do throws(StateRecordError) {
                result = .success(try self.apply(kind: record.kind, payload: bytes))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private mutating func applyTopics(_ reader: inout StateReader) throws(StateRecordError) {
        let version = try reader.dataVersion()
        var configs: [TopicConfig] = []
        while !reader.isAtEnd { configs.append(try TopicConfig(from: &reader)) }
        for config in configs { self.topics.restore(config) }
        self.topics.dataVersion = version
    }

    private mutating func applyGroups(_ reader: inout StateReader) throws(StateRecordError) {
        let version = try reader.dataVersion()
        var configs: [SubscriptionGroupConfig] = []
        while !reader.isAtEnd { configs.append(try SubscriptionGroupConfig(from: &reader)) }
        for config in configs { self.groups.restore(config) }
        self.groups.dataVersion = version
    }

    private mutating func applyDeletedTopics(
        _ reader: inout StateReader
    ) throws(StateRecordError) {
        let version = try reader.dataVersion()
        for name in try reader.names("topic") {
            self.topics.restoreDeletion(of: name)
            self.idempotence.removeTopic(name)
            self.deadLetters.removeTopic(name)
        }
        self.topics.dataVersion = version
    }

    private mutating func applyDeletedGroups(
        _ reader: inout StateReader
    ) throws(StateRecordError) {
        let version = try reader.dataVersion()
        for name in try reader.names("group") { self.groups.restoreDeletion(of: name) }
        self.groups.dataVersion = version
    }

    private mutating func applyRemovedOffsets(
        _ reader: inout StateReader
    ) throws(StateRecordError) {
        let group = try reader.text("group")
        let topic = try reader.text("topic")
        try reader.finish()
        switch (group.isEmpty, topic.isEmpty) {
        case (false, false): self.offsets.remove(group: group, topic: topic)
        case (false, true): self.offsets.remove(group: group)
        case (true, false): self.offsets.remove(topic: topic)
        case (true, true): throw .illegalValue(field: "removal")
        }
    }
}

extension StateReader {
    /// All names up to the end.
    fileprivate mutating func names(_ field: String) throws(StateRecordError) -> [String] {
        var names: [String] = []
        while !self.isAtEnd { names.append(try self.text(field)) }
        return names
    }

    /// Offsets up to the end.
    fileprivate mutating func offsetRecords() throws(StateRecordError) -> [OffsetRecord] {
        var records: [OffsetRecord] = []
        while !self.isAtEnd {
            let group = try self.name(of: "group", ResourceName.problem(withGroup:))
            let topic = try self.name(of: "topic", ResourceName.problem(withTopic:))
            for _ in 0..<(try self.integer(UInt32.self)) {
                let queueID = try self.integer(Int32.self)
                let offset = QueueOffset(try self.integer(Int64.self))
                guard queueID >= 0 else { throw .illegalValue(field: "queue id") }
                guard offset >= .zero else { throw .illegalValue(field: "offset") }
                records.append(
                    OffsetRecord(group: group, topic: topic, queueID: queueID, offset: offset))
            }
        }
        return records
    }

    fileprivate mutating func name(
        of field: String, _ problem: (String) -> String?
    ) throws(StateRecordError) -> String {
        let name = try self.text(field)
        guard problem(name) == nil else { throw .illegalValue(field: field) }
        return name
    }
}
