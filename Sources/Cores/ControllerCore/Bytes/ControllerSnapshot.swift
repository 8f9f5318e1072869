import MessageFormat

/// The whole state as bytes, for new controllers and for a short log.
///
/// Layout: magic `APCS` u32, version u8, the state, CRC-32C u32 over everything before. A snapshot
/// comes from a disk or another machine: nothing in it is believed before it is checked.
package enum ControllerSnapshot {
    package static let formatVersion: UInt8 = 3
    /// The oldest version that can be read.
    private static let formatVersionMin: UInt8 = 1
    private static let magic: UInt32 = 0x4150_4353
    private static let checksumBytes = 4

    package static func encode(_ state: ControllerState) -> [UInt8] {
        var writer = ControllerBytesWriter()
        writer.integer(Self.magic)
        writer.integer(Self.formatVersion)
        writer.list(state.groups.sorted { $0.key < $1.key }) { writer, entry in
            writer.text(entry.key)
            entry.value.write(to: &writer)
        }
        writer.list(state.controllers.sorted { $0.key < $1.key }) { writer, entry in
            writer.text(entry.key)
            writer.text(entry.value)
        }
        let checksum = writer.bytes.withUnsafeBytes { Checksum.crc32c($0) }
        writer.integer(checksum)
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(ControllerBytesError) -> ControllerState {
        let end = bytes.count - Self.checksumBytes
        guard end >= 0 else { throw ControllerBytesError("a snapshot of \(bytes.count) bytes") }
        let actual = bytes.withUnsafeBytes { Checksum.crc32c($0.slice(0..<end)) }
        let written = bytes.withUnsafeBytes { $0.bigEndian(UInt32.self, at: end) }
        guard actual == written else {
            throw ControllerBytesError("the snapshot's checksum is wrong")
        }

        var reader = ControllerBytesReader(bytes, in: 0..<end)
        guard try reader.integer(UInt32.self) == Self.magic else {
            throw ControllerBytesError("the bytes are no snapshot of controllers")
        }
        let version = try reader.integer(UInt8.self)
        guard (Self.formatVersionMin...Self.formatVersion).contains(version) else {
            throw ControllerBytesError("snapshots of version \(version) are not known")
        }
        let state = try Self.readState(from: &reader, version)
        try reader.finish()
        return state
    }

    private static func readState(
        from reader: inout ControllerBytesReader, _ version: UInt8
    ) throws(ControllerBytesError) -> ControllerState {
        var state = ControllerState()
        let groups = try reader.list(countMax: ControllerLimits.groupsMax) {
            reader throws(ControllerBytesError) in
            (name: try reader.text(), group: try GroupState.read(from: &reader, version))
        }
        for (name, group) in groups {
            if let problem = ControllerLimits.problem(withName: name) ?? group.problem {
                throw ControllerBytesError("the group \(name): \(problem)")
            }
            guard state.groups.updateValue(group, forKey: name) == nil else {
                throw ControllerBytesError("the group \(name) occurs twice")
            }
        }
        let controllers = try reader.list(countMax: ControllerLimits.controllersMax) {
            reader throws(ControllerBytesError) in
            (id: try reader.text(), address: try reader.text())
        }
        for (id, address) in controllers { state.controllers[id] = address }
        return state
    }
}

extension GroupState {
    /// The invariant that is broken; nil if none is.
    package var problem: String? {
        if let problem = ControllerLimits.problem(withName: self.cluster) { return problem }
        guard !self.brokers.isEmpty, self.brokers.count <= ControllerLimits.brokersMax else {
            return "it has \(self.brokers.count) brokers"
        }
        guard self.brokers.keys.allSatisfy({ $0 >= 1 && $0 < self.nextBrokerID }),
            self.nextBrokerID <= ControllerLimits.brokerIDMax
        else { return "a broker id is not below the next one, \(self.nextBrokerID)" }
        guard zip(self.syncStateSet, self.syncStateSet.dropFirst()).allSatisfy({ $0 < $1 }),
            self.syncStateSet.allSatisfy({ self.brokers[$0] != nil }), self.syncStateSetEpoch >= 0
        else { return "its SyncStateSet has strangers or is not sorted" }
        guard !self.isFresh || (self.syncStateSet.count == 1 && self.forgotten == nil),
            self.forgotten == nil || (self.masterBrokerID == nil && self.syncStateSet.isEmpty)
        else { return "its founder is not alone" }
        guard self.recovery == nil || self.syncStateSet.count > 1 else {
            return "nobody was left beside the winner of its recovery"
        }
        if let master = self.masterBrokerID {
            guard self.brokers[master] != nil, self.syncStateSet.contains(master),
                self.masterEpoch > Epoch(0)
            else { return "its master is a stranger" }
        }
        guard self.masterEpoch.value <= ControllerLimits.epochMax.value + 1,
            self.cleanSince <= self.masterEpoch
        else { return "its epoch \(self.masterEpoch.value) was never given out" }
        return nil
    }

    fileprivate func write(to writer: inout ControllerBytesWriter) {
        writer.text(self.cluster)
        writer.integer(self.nextBrokerID)
        writer.optional(self.masterBrokerID) { $0.integer($1) }
        writer.integer(self.masterEpoch.value)
        writer.integer(self.masterIncarnation)
        writer.ids(self.syncStateSet)
        writer.integer(self.syncStateSetEpoch)
        writer.integer(self.confirmed.bytes)
        writer.integer(self.cleanSince.value)
        writer.bool(self.isFresh)
        writer.optional(self.forgotten) { writer, founder in
            writer.integer(founder.brokerID)
            writer.text(founder.checkCode)
            writer.bool(founder.isReplaced)
        }
        writer.optional(self.recovery) { writer, basis in basis.write(to: &writer) }
        writer.list(self.brokers.sorted { $0.key < $1.key }) { writer, entry in
            writer.integer(entry.key)
            writer.text(entry.value.registerCheckCode)
            writer.text(entry.value.address)
            writer.text(entry.value.replicationAddress)
            writer.integer(entry.value.incarnation)
            writer.bool(entry.value.showsCheckCode)
        }
    }

    fileprivate static func read(
        from reader: inout ControllerBytesReader, _ version: UInt8
    ) throws(ControllerBytesError) -> Self {
        var group = Self(cluster: try reader.text())
        group.nextBrokerID = try reader.integer()
        group.masterBrokerID = try reader.optional { reader throws(ControllerBytesError) in
            try reader.integer(Int64.self)
        }
        group.masterEpoch = try reader.epoch()
        group.masterIncarnation = try reader.integer()
        group.syncStateSet = try reader.ids()
        group.syncStateSetEpoch = try reader.integer()
        group.confirmed = try reader.position()
        group.cleanSince = try reader.epoch()
        if version > 1 { try group.readFounding(from: &reader) }
        if version > 2 {
            group.recovery = try reader.optional { reader throws(ControllerBytesError) in
                try RecoveryBasis.read(from: &reader)
            }
        }
        let brokers = try reader.list(countMax: ControllerLimits.brokersMax) {
            reader throws(ControllerBytesError) in
            (
                id: try reader.integer(Int64.self),
                broker: try RegisteredBroker.read(from: &reader, version)
            )
        }
        for (id, broker) in brokers {
            guard group.brokers.updateValue(broker, forKey: id) == nil else {
                throw ControllerBytesError("broker \(id) occurs twice")
            }
        }
        return group
    }
}

extension GroupState {
    fileprivate mutating func readFounding(
        from reader: inout ControllerBytesReader
    ) throws(ControllerBytesError) {
        self.isFresh = try reader.bool()
        self.forgotten = try reader.optional { reader throws(ControllerBytesError) in
            ForgottenFounder(
                brokerID: try reader.integer(Int64.self), checkCode: try reader.text(),
                isReplaced: try reader.bool())
        }
    }
}

extension RecoveryBasis {
    func write(to writer: inout ControllerBytesWriter) {
        writer.integer(self.confirmed.bytes)
        writer.integer(self.soundMin)
    }

    static func read(
        from reader: inout ControllerBytesReader
    ) throws(ControllerBytesError) -> Self {
        let basis = Self(confirmed: try reader.position(), soundMin: try reader.integer())
        guard basis.soundMin > 0 else {
            throw ControllerBytesError("\(basis.soundMin) sound members are not enough")
        }
        return basis
    }
}

extension RegisteredBroker {
    fileprivate static func read(
        from reader: inout ControllerBytesReader, _ version: UInt8
    ) throws(ControllerBytesError) -> Self {
        var broker = Self(registerCheckCode: try reader.text())
        broker.address = try reader.text()
        broker.replicationAddress = try reader.text()
        broker.incarnation = try reader.integer()
        if version > 1 { broker.showsCheckCode = try reader.bool() }
        return broker
    }
}
