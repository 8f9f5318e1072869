import MessageFormat

/// Layout: version u8, kind u8, then the fields in their order, integers in network order, texts
/// and lists behind a count of 16 bits.
extension ControllerCommand {
    package static let formatVersion: UInt8 = 1

    /// Why the command cannot be written down; nil when it can. Whoever proposes asks first.
    package var problem: String? {
        let textBytesMax = 1_024
        guard self.texts.allSatisfy({ $0.utf8.count <= textBytesMax }) else {
            return "a text has more than \(textBytesMax) bytes"
        }
        return self.listCounts.allSatisfy { $0 <= ControllerBytes.listMax }
            ? nil : "a list has more than \(ControllerBytes.listMax) entries"
    }

    package var encoded: [UInt8] {
        var writer = ControllerBytesWriter()
        writer.integer(Self.formatVersion)
        writer.integer(self.kind.rawValue)
        self.write(to: &writer)
        return writer.bytes
    }

    package init(parsing bytes: [UInt8]) throws(ControllerBytesError) {
        var reader = ControllerBytesReader(bytes, in: 0..<bytes.count)
        let version = try reader.integer(UInt8.self)
        guard version == Self.formatVersion else {
            throw ControllerBytesError("commands of version \(version) are not known")
        }
        let number = try reader.integer(UInt8.self)
        guard let kind = Kind(rawValue: number) else {
            throw ControllerBytesError("\(number) is no kind of command")
        }
        self = try Self.read(kind, from: &reader)
        try reader.finish()
    }

    private enum Kind: UInt8 {
        case applyBrokerID = 1
        case registerBroker, alterSyncStateSet, elect, clean, noteConfirmed, setController
        case reclaimBrokerID, registerWithCode, forgetFounder
    }

    private var kind: Kind {
        switch self {
        case .applyBrokerID(let claim): claim.isReturning ? .reclaimBrokerID : .applyBrokerID
        case .registerBroker(let registration):
            registration.checkCode == nil ? .registerBroker : .registerWithCode
        case .alterSyncStateSet: .alterSyncStateSet
        case .elect: .elect
        case .clean: .clean
        case .noteConfirmed: .noteConfirmed
        case .setController: .setController
        case .forgetFounder: .forgetFounder
        }
    }

    private var texts: [String] {
        switch self {
        case .applyBrokerID(let claim): [claim.group, claim.cluster, claim.checkCode]
        case .registerBroker(let registration):
            [
                registration.group, registration.cluster, registration.address,
                registration.replicationAddress, registration.checkCode ?? "",
            ]
        case .alterSyncStateSet(let wish): [wish.group]
        case .elect(let election): [election.group]
        case .clean(let cleaning): [cleaning.group, cleaning.cluster]
        case .noteConfirmed(let note): [note.group]
        case .setController(let id, let address): [id, address ?? ""]
        case .forgetFounder(let founder): [founder.group]
        }
    }

    private var listCounts: [Int] {
        switch self {
        case .alterSyncStateSet(let wish): [wish.syncStateSet.count, wish.dead.count]
        case .elect(let election): [election.candidates.count, election.cause.idCount]
        case .clean(let cleaning): [cleaning.brokerIDs.count, cleaning.living.count]
        case .applyBrokerID, .registerBroker, .noteConfirmed, .setController, .forgetFounder: []
        }
    }
}

// Writing.
extension ControllerCommand {
    private func write(to writer: inout ControllerBytesWriter) {
        switch self {
        case .applyBrokerID(let claim):
            writer.text(claim.group)
            writer.text(claim.cluster)
            writer.integer(claim.brokerID)
            writer.text(claim.checkCode)
        case .registerBroker(let registration): registration.write(to: &writer)
        case .alterSyncStateSet(let wish): wish.write(to: &writer)
        case .elect(let election): election.write(to: &writer)
        case .clean(let cleaning):
            writer.text(cleaning.group)
            writer.text(cleaning.cluster)
            writer.ids(cleaning.brokerIDs)
            writer.ids(cleaning.living)
            writer.bool(cleaning.cleansLiving)
        case .noteConfirmed(let note):
            writer.text(note.group)
            writer.integer(note.masterEpoch.value)
            writer.integer(note.confirmed.bytes)
        case .setController(let id, let address):
            writer.text(id)
            writer.optional(address) { $0.text($1) }
        case .forgetFounder(let founder):
            writer.text(founder.group)
            writer.integer(founder.masterEpoch.value)
            writer.integer(founder.brokerID)
        }
    }
}

extension ControllerCommand.RegisterBroker {
    fileprivate func write(to writer: inout ControllerBytesWriter) {
        writer.text(self.group)
        writer.text(self.cluster)
        writer.integer(self.brokerID)
        writer.text(self.address)
        writer.text(self.replicationAddress)
        writer.integer(self.incarnation)
        if let checkCode = self.checkCode { writer.text(checkCode) }
    }
}

extension ControllerCommand.AlterSyncStateSet {
    fileprivate func write(to writer: inout ControllerBytesWriter) {
        writer.text(self.group)
        writer.integer(self.masterBrokerID)
        writer.integer(self.masterEpoch.value)
        writer.ids(self.syncStateSet)
        writer.integer(self.syncStateSetEpoch)
        writer.ids(self.dead)
    }
}

extension ControllerCommand.Elect {
    fileprivate func write(to writer: inout ControllerBytesWriter) {
        writer.text(self.group)
        writer.integer(self.masterEpoch.value)
        self.cause.write(to: &writer)
        writer.list(self.candidates) { writer, candidate in
            writer.integer(candidate.brokerID)
            writer.integer(candidate.incarnation)
            writer.integer(candidate.lastEpoch.value)
            writer.integer(candidate.maxOffset.bytes)
            writer.integer(candidate.priority)
            writer.bool(candidate.isIntact)
        }
        writer.optional(self.livingMaster) { $0.integer($1) }
    }
}

extension ElectionCause {
    fileprivate var idCount: Int {
        if case .recovered(_, let keeping, _) = self { keeping.count } else { 0 }
    }

    fileprivate func write(to writer: inout ControllerBytesWriter) {
        switch self {
        case .masterLost(let isGone):
            writer.integer(UInt8(1))
            writer.bool(isGone)
        case .handover(let id):
            writer.integer(UInt8(2))
            writer.integer(id)
        case .designated(let id):
            writer.integer(UInt8(3))
            writer.integer(id)
        case .forced(let id):
            writer.integer(UInt8(4))
            writer.optional(id) { $0.integer($1) }
        case .recovered(let epoch, let keeping, let basis?):
            writer.integer(UInt8(7))
            writer.integer(epoch.value)
            writer.ids(keeping)
            basis.write(to: &writer)
        case .recovered(let epoch, let keeping, nil):
            writer.integer(UInt8(keeping.isEmpty ? 5 : 6))
            writer.integer(epoch.value)
            if !keeping.isEmpty { writer.ids(keeping) }
        }
    }

    fileprivate static func read(
        from reader: inout ControllerBytesReader
    ) throws(ControllerBytesError) -> Self {
        switch try reader.integer(UInt8.self) {
        case 1: return .masterLost(isGone: try reader.bool())
        case 2: return .handover(from: try reader.integer())
        case 3: return .designated(try reader.integer())
        case 4:
            return .forced(
                try reader.optional { reader throws(ControllerBytesError) in
                    try reader.integer(Int64.self)
                })
        case 5: return .recovered(above: try reader.epoch())
        case 6: return .recovered(above: try reader.epoch(), keeping: try reader.ids())
        case 7:
            return .recovered(
                above: try reader.epoch(), keeping: try reader.ids(),
                basis: try RecoveryBasis.read(from: &reader))
        case let number: throw ControllerBytesError("\(number) is no cause of an election")
        }
    }
}

// Reading.
extension ControllerCommand {
    private static func read(
        _ kind: Kind, from reader: inout ControllerBytesReader
    ) throws(ControllerBytesError) -> Self {
        switch kind {
        case .applyBrokerID, .reclaimBrokerID:
            .applyBrokerID(
                ApplyBrokerID(
                    group: try reader.text(), cluster: try reader.text(),
                    brokerID: try reader.integer(), checkCode: try reader.text(),
                    isReturning: kind == .reclaimBrokerID))
        case .registerBroker, .registerWithCode:
            .registerBroker(
                RegisterBroker(
                    group: try reader.text(), cluster: try reader.text(),
                    brokerID: try reader.integer(), address: try reader.text(),
                    replicationAddress: try reader.text(), incarnation: try reader.integer(),
                    checkCode: kind == .registerWithCode ? try reader.text() : nil))
        case .alterSyncStateSet:
            .alterSyncStateSet(
                AlterSyncStateSet(
                    group: try reader.text(), masterBrokerID: try reader.integer(),
                    masterEpoch: try reader.epoch(), syncStateSet: try reader.ids(),
                    syncStateSetEpoch: try reader.integer(), dead: try reader.ids()))
        case .elect: .elect(try Self.readElection(from: &reader))
        case .clean:
            .clean(
                Clean(
                    group: try reader.text(), cluster: try reader.text(),
                    brokerIDs: try reader.ids(), living: try reader.ids(),
                    cleansLiving: try reader.bool()))
        case .noteConfirmed:
            .noteConfirmed(
                NoteConfirmed(
                    group: try reader.text(), masterEpoch: try reader.epoch(),
                    confirmed: try reader.position()))
        case .setController:
            .setController(
                id: try reader.text(),
                address: try reader.optional { reader throws(ControllerBytesError) in
                    try reader.text()
                })
        case .forgetFounder:
            .forgetFounder(
                ForgetFounder(
                    group: try reader.text(), masterEpoch: try reader.epoch(),
                    brokerID: try reader.integer()))
        }
    }

    private static func readElection(
        from reader: inout ControllerBytesReader
    ) throws(ControllerBytesError) -> Elect {
        Elect(
            group: try reader.text(), masterEpoch: try reader.epoch(),
            cause: try ElectionCause.read(from: &reader),
            candidates: try reader.list(countMax: ControllerBytes.listMax) {
                reader throws(ControllerBytesError) in
                ElectionCandidate(
                    brokerID: try reader.integer(), incarnation: try reader.integer(),
                    lastEpoch: try reader.epoch(), maxOffset: try reader.position(),
                    priority: try reader.integer(), isIntact: try reader.bool())
            },
            livingMaster: try reader.optional { reader throws(ControllerBytesError) in
                try reader.integer(Int64.self)
            })
    }
}
