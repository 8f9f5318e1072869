import DeliveryCore
import MessageFormat
import Testing

private let now = Timestamp(milliseconds: 1_700_000_000_000)

@Suite("Delivery state in the log")
struct DeliveryStateTests {
    @Test("each change, recorded and applied elsewhere, gives the same state")
    func recordsReplay() throws {
        var state = Self.fresh()
        var copy = Self.fresh()
        for step in Self.steps {
            for record in step(&state) { #expect(try copy.apply(record) == true) }
            Self.expectSame(state, copy)
        }
    }

    @Test("a snapshot, applied to a fresh value, gives the same state")
    func snapshotReplaces() throws {
        var state = Self.fresh()
        for step in Self.steps {
            _ = step(&state)
            var copy = Self.fresh()
            for record in state.snapshot() { #expect(try copy.apply(record) == true) }
            Self.expectSame(state, copy)
        }
    }

    @Test("a snapshot of very much comes in pieces that fit a batch")
    func snapshotInPieces() throws {
        var state = Self.fresh()
        let long = ["attribute": String(repeating: "x", count: 1_000)]
        for index in 0..<1_500 {
            #expect(
                state.topics.create(TopicConfig(name: "T\(index)", attributes: long), at: now)
                    == true)
        }
        for index in 0..<60_000 {
            let outcome = state.offsets.commit(
                group: index < 40_000 ? "G" : "G\(index)", topic: "T", queueID: Int32(index),
                offset: QueueOffset(Int64(index)))
            #expect(outcome == .changed)
        }
        let snapshot = state.snapshot()
        #expect(snapshot.count > 10)
        #expect(snapshot.allSatisfy { $0.payload.count <= 256 * 1024 })
        var copy = Self.fresh()
        for record in snapshot { #expect(try copy.apply(record) == true) }
        Self.expectSame(state, copy)
    }

    @Test("system topics follow from the settings, not from the log")
    func systemTopicsAreNotRecorded() throws {
        let state = DeliveryState(settings: DeliverySettings(cluster: "Old"), at: now)
        var copy = DeliveryState(
            settings: DeliverySettings(cluster: "New", autoCreateTopic: false), at: now)
        for record in state.snapshot() { #expect(try copy.apply(record) == true) }
        #expect(copy.topics.config("Old") == nil)
        #expect(copy.topics.config("New") != nil)
        #expect(copy.topics.config("TBW102") == nil)
    }

    @Test("bounds that an operator lowered do not undo what the log says")
    func boundsDoNotUndo() throws {
        var state = Self.fresh()
        for step in Self.steps { _ = step(&state) }
        var settings = DeliverySettings()
        settings.topicsMax = 0
        settings.groupsMax = 0
        settings.offsetsMax = 0
        var copy = DeliveryState(settings: settings, at: now)
        for record in state.snapshot() { #expect(try copy.apply(record) == true) }
        Self.expectSame(state, copy)
    }

    @Test("kinds of others are left to them", arguments: [UInt16(0), 9, 100, .max])
    func foreignKinds(kind: UInt16) throws {
        var state = Self.fresh()
        #expect(try state.apply(StateRecord(kind: kind, payload: [1, 2, 3])) == false)
    }

    @Test("what was restored is not written again")
    func restoredIsNotDirty() throws {
        var state = Self.fresh()
        state.offsets.commit(group: "G", topic: "T", queueID: 0, offset: QueueOffset(9))
        let records = DeliveryState.records(of: state.offsets.takeDirty())
        var copy = Self.fresh()
        copy.offsets.commit(group: "G", topic: "T", queueID: 0, offset: QueueOffset(3))
        for record in records { #expect(try copy.apply(record) == true) }
        #expect(copy.offsets.takeDirty() == [])
        copy.checkInvariants()
    }

    @Test("the bytes of a record are what docs and old logs say")
    func bytes() throws {
        let records = DeliveryState.records(of: [
            OffsetRecord(group: "G", topic: "T", queueID: 2, offset: QueueOffset(258))
        ])
        #expect(records.map(\.kind) == [5])
        #expect(
            records.first?.payload == [
                1, 0, 1, 71, 0, 1, 84, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 2,
            ])
        let removed = DeliveryState.recordOfRemovedOffsets(topic: "T")
        #expect(removed == StateRecord(kind: 6, payload: [1, 0, 0, 0, 1, 84]))
        #expect(DeliveryState.records(of: []) == [])
    }

    static func fresh() -> DeliveryState { DeliveryState(settings: DeliverySettings(), at: now) }

    static func expectSame(_ state: DeliveryState, _ copy: DeliveryState) {
        #expect(state.topics.all == copy.topics.all)
        #expect(state.topics.dataVersion == copy.topics.dataVersion)
        #expect(state.groups.all == copy.groups.all)
        #expect(state.groups.dataVersion == copy.groups.dataVersion)
        #expect(state.offsets.all == copy.offsets.all)
        #expect(state.offsets.allResets == copy.offsets.allResets)
        #expect(state.lockOwners.all == copy.lockOwners.all)
        copy.checkInvariants()
    }

    /// Changes, each with the records that it leaves in the log.
    static let steps: [@Sendable (inout DeliveryState) -> [StateRecord]] = [
        { state in
            let config = TopicConfig(
                name: "T", readQueues: 3, writeQueues: 2, permission: .read, systemFlag: -5,
                isOrdered: true, filterType: "MULTI_TAG", attributes: ["a": "b", "ä": "", "": "c"])
            #expect(state.topics.create(config, at: now) == true)
            return [state.record(ofTopic: "T")]
        },
        { state in
            #expect(
                state.topics.update(TopicConfig(name: "TBW102", readQueues: 1), at: now) == true)
            #expect(state.topics.delete("BenchmarkTest", at: now) == true)
            return [state.record(ofTopic: "TBW102"), state.record(ofTopic: "BenchmarkTest")]
        },
        { state in
            var config = SubscriptionGroupConfig(name: "G")
            config.consumeEnable = false
            config.consumeMessageOrderly = true
            config.retryTimesMax = -1
            config.brokerID = .max
            config.attributes = ["k": "v"]
            #expect(state.groups.create(config, at: now) == true)
            #expect(state.groups.delete("TOOLS_CONSUMER", at: now) == true)
            return [state.record(ofGroup: "G"), state.record(ofGroup: "TOOLS_CONSUMER")]
        },
        { state in
            for (group, topic) in [("G", "T"), ("G", "U"), ("H", "T"), ("I", "T")] {
                for queue in 0..<3 {
                    state.offsets.commit(
                        group: group, topic: topic, queueID: Int32(queue),
                        offset: QueueOffset(.max - Int64(queue)))
                }
            }
            return DeliveryState.records(of: state.offsets.takeDirty())
        },
        { state in
            let offsets = [Int32(0): QueueOffset(1), 1: QueueOffset(2), 7: QueueOffset(3)]
            #expect(state.offsets.reset(group: "G", topic: "T", to: offsets) == nil)
            #expect(state.offsets.reset(group: "G", topic: "U", to: offsets) == nil)
            return DeliveryState.recordsOfReset(group: "G", topic: "T", to: offsets)
                + DeliveryState.recordsOfReset(group: "G", topic: "U", to: offsets)
        },
        { state in
            state.offsets.endReset(group: "G", topic: "T", queueID: 1)
            return DeliveryState.recordsOfEndedReset(
                group: "G", topic: "T", queueID: 1, at: QueueOffset(2))
        },
        { state in
            let changes = (0..<5).map {
                LockOwner(
                    group: "G",
                    queue: MessageQueue(topic: "T", brokerName: "b", queueID: Int32($0)),
                    clientID: $0 < 3 ? "c1" : "c2")
            }
            for change in changes { state.lockOwners.note(change) }
            var free = changes[4]
            free.clientID = nil
            state.lockOwners.note(free)
            return LockOwners.records(of: changes) + LockOwners.records(of: [free])
        },
        { state in
            state.offsets.remove(group: "H")
            return [DeliveryState.recordOfRemovedOffsets(group: "H")]
        },
        { state in
            state.offsets.remove(group: "G", topic: "U")
            return [DeliveryState.recordOfRemovedOffsets(group: "G", topic: "U")]
        },
        { state in
            state.offsets.remove(topic: "T")
            #expect(state.topics.delete("T", at: now) == true)
            return [
                DeliveryState.recordOfRemovedOffsets(topic: "T"), state.record(ofTopic: "T"),
            ]
        },
        { state in
            #expect(state.groups.delete("G", at: now) == true)
            return [state.record(ofGroup: "G")]
        },
    ]
}

@Suite("Hostile state records")
struct HostileStateRecordTests {
    /// One valid record of every kind.
    static func samples() -> [StateRecord] {
        var state = DeliveryStateTests.fresh()
        return DeliveryStateTests.steps.flatMap { $0(&state) }
    }

    @Test("a record that was cut short anywhere is refused, and changes nothing")
    func truncated() {
        for sample in Self.samples() {
            for count in 0..<sample.payload.count {
                let cut = StateRecord(kind: sample.kind, payload: Array(sample.payload[..<count]))
                Self.applyAndCheck(cut)
            }
        }
    }

    @Test("a record with any byte changed is refused or still makes sense")
    func mutated() {
        var random = SplitMix(seed: 11)
        for sample in Self.samples() {
            for index in sample.payload.indices {
                var payload = sample.payload
                payload[index] = UInt8(truncatingIfNeeded: random.next())
                Self.applyAndCheck(StateRecord(kind: sample.kind, payload: payload))
            }
        }
    }

    @Test("random bytes are refused or make sense", arguments: (1...8).map { UInt16($0) } + [50])
    func random(kind: UInt16) {
        var random = SplitMix(seed: UInt64(kind))
        for _ in 0..<2_000 {
            let count = Int(random.next() % 64)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            Self.applyAndCheck(StateRecord(kind: kind, payload: [1] + bytes))
        }
    }

    @Test(
        "each kind of nonsense has its name",
        arguments: [
            (1, [], .truncated(bytes: 0, needed: 1)), (1, [2], .wrongVersion(2)),
            (2, [1] + zeros(24) + [0, 1, 0xFF], .notUTF8(field: "topic")),
            (5, [1, 0, 1, 71, 0, 1, 47], .illegalValue(field: "topic")),
            (5, [1, 0, 1, 71, 0, 1, 84, 0, 0, 0, 1] + zeros(3), .truncated(bytes: 3, needed: 4)),
            (
                5, [1, 0, 1, 71, 0, 1, 84, 0, 0, 0, 1, 0x80] + zeros(11),
                .illegalValue(field: "queue id")
            ),
            (
                5, [1, 0, 1, 71, 0, 1, 84, 0, 0, 0, 1] + zeros(4) + [0x80] + zeros(7),
                .illegalValue(field: "offset")
            ),
            (6, [1, 0, 0, 0, 0], .illegalValue(field: "removal")),
            (6, [1, 0, 0, 0, 1, 84, 9], .trailingBytes(1)),
        ] as [(UInt16, [UInt8], StateRecordError)])
    func named(kind: UInt16, payload: [UInt8], error: StateRecordError) {
        var state = DeliveryStateTests.fresh()
        #expect(throws: error) { try state.apply(StateRecord(kind: kind, payload: payload)) }
    }

    static func applyAndCheck(_ record: StateRecord) {
        let before = DeliveryStateTests.fresh()
        var state = before
        do {
            _ = try state.apply(record)
            state.checkInvariants()
        } catch {
            DeliveryStateTests.expectSame(before, state)
        }
    }
}

private func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }
