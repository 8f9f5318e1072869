package import MessageFormat

/// What of delivery must survive the broker: topics, groups, offsets, delayed messages.
///
/// "Progress is replicated too": each change becomes a record of the log. A segment starts with a
/// snapshot, so that any run of segments tells the whole state: apply their records in order to a
/// fresh value.
package struct DeliveryState: Sendable {
    package var topics: TopicTable
    package var groups: GroupTable
    package var offsets: OffsetTable
    package var delays: DelaySchedule
    /// Who consumes which queue in order.
    package var lockOwners = LockOwners()
    package var transactions: Transactions
    package var idempotence: IdempotenceTable
    package var pops: PopLedger
    package var requestModes: RequestModeTable
    package var deadLetters = DeadLetterTable()

    package init(settings: DeliverySettings, at now: Timestamp = Timestamp(milliseconds: 0)) {
        self.topics = TopicTable(settings: settings, at: now)
        self.groups = GroupTable(settings: settings, at: now)
        self.offsets = OffsetTable(offsetsMax: settings.offsetsMax)
        self.delays = DelaySchedule(settings: settings.delays)
        self.transactions = Transactions(settings: settings.transactions)
        self.idempotence = IdempotenceTable(settings: settings.idempotence)
        self.pops = PopLedger(settings: settings.pops)
        self.requestModes = RequestModeTable(choicesMax: settings.requestModesMax)
    }

    /// This broker is the master from now on: time makes things happen here.
    package mutating func becameMaster(at now: Now) {
        self.transactions.becameMaster(at: now)
        self.idempotence.becameMaster(at: now.tick)
        self.pops.disownAll()
    }

    package func checkInvariants() {
        self.topics.checkInvariants()
        self.groups.checkInvariants()
        self.offsets.checkInvariants()
        self.delays.checkInvariants()
        self.lockOwners.checkInvariants()
        self.transactions.checkInvariants()
        self.idempotence.checkInvariants()
        self.pops.checkInvariants()
        self.deadLetters.checkInvariants()
    }
}

/// Kinds of records, as they stand in the log. Numbers are never given a new meaning.
///
/// Every payload starts with a version byte, 1. Texts have two bytes of length; integers are
/// big-endian; a data version is stateVersion, timestamp, counter (8 bytes each). Lists end with
/// the payload.
package enum DeliveryRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// The table's data version; topics.
    case topicsPut = 1
    /// The table's data version; names.
    case topicsDeleted = 2
    /// The table's data version; groups.
    case groupsPut = 3
    /// The table's data version; names.
    case groupsDeleted = 4
    /// For each group and topic: both names, number of queues (4), queue id (4) and offset (8) each.
    case offsets = 5
    /// Group, topic; an empty one stands for every one. Not both are empty.
    case offsetsRemoved = 6
    /// As `offsets`: where operators moved groups, until their consumers have followed.
    case offsetsReset = 7
    /// As `offsets`: where they have.
    case resetsEnded = 8
}

extension DeliveryState {
    /// What the log must hold after a topic was created, changed or deleted: how it is now.
    package func record(ofTopic name: String) -> StateRecord {
        if let config = self.topics.config(name) {
            return DeliveryRecords.topics([config], version: self.topics.dataVersion)[0]
        }
        return DeliveryRecords.deleted(
            .topicsDeleted, [name], version: self.topics.dataVersion)[0]
    }

    /// What the log must hold after a group was created, changed or deleted: how it is now.
    package func record(ofGroup name: String) -> StateRecord {
        if let config = self.groups.config(name) {
            return DeliveryRecords.groups([config], version: self.groups.dataVersion)[0]
        }
        return DeliveryRecords.deleted(
            .groupsDeleted, [name], version: self.groups.dataVersion)[0]
    }

    /// What the log must hold of offsets that `OffsetTable.takeDirty` gave. Sorted ones take the
    /// least room.
    package static func records(of offsets: [OffsetRecord]) -> [StateRecord] {
        DeliveryRecords.offsets(offsets)
    }

    /// What the log must hold after offsets were removed by group, by topic, or by both.
    package static func recordOfRemovedOffsets(
        group: String? = nil, topic: String? = nil
    ) -> StateRecord {
        DeliveryRecords.offsetsRemoved(group: group ?? "", topic: topic ?? "")
    }

    /// What the log must hold after an operator moved a group on queues of a topic.
    package static func recordsOfReset(
        group: String, topic: String, to offsets: [Int32: QueueOffset]
    ) -> [StateRecord] {
        DeliveryRecords.offsets(
            offsets.map {
                OffsetRecord(group: group, topic: topic, queueID: $0.key, offset: $0.value)
            }.sorted(), as: .offsetsReset)
    }

    /// What the log must hold after a group's consumers have followed.
    package static func recordsOfEndedReset(
        group: String, topic: String, queueID: Int32, at offset: QueueOffset
    ) -> [StateRecord] {
        DeliveryRecords.offsets(
            [OffsetRecord(group: group, topic: topic, queueID: queueID, offset: offset)],
            as: .resetsEnded)
    }

    /// The whole state. It replaces what was there: apply it to a fresh value.
    package func snapshot() -> [StateRecord] {
        let topics = self.topics
        let groups = self.groups
        return DeliveryRecords.topics(topics.remembered, version: topics.dataVersion)
            + DeliveryRecords.deleted(
                .topicsDeleted, topics.deletedSystemNames, version: topics.dataVersion)
            + DeliveryRecords.groups(groups.remembered, version: groups.dataVersion)
            + DeliveryRecords.deleted(
                .groupsDeleted, groups.deletedSystemNames, version: groups.dataVersion)
            + DeliveryRecords.offsets(self.offsets.allResets, as: .offsetsReset)
            + DeliveryRecords.offsets(self.offsets.all)
            + self.delays.snapshotRecords()
            + self.lockOwners.snapshotRecords()
            + self.transactions.snapshotRecords()
            + self.idempotence.snapshotRecords()
            + self.pops.snapshotRecords()
            + self.requestModes.snapshotRecords()
            + self.deadLetters.snapshotRecords()
    }
}
