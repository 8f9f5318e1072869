import ControllerCore
import MessageFormat
import Testing

/// Which brokers are heard, and what follows for a group that the controllers have forgotten.
struct RecollectionCase: CustomTestStringConvertible, Sendable {
    struct Heard: Sendable {
        var id: Int64
        /// Master epoch, SyncStateSet epoch and members; nil: it remembers nothing.
        var memory: (UInt32, Int32, [Int64])?
        var logEpoch: UInt32 = 3
        var end: Int64 = 100
        var confirmed: Int64 = 0
        var isAlive = true
    }

    enum Outcome: Hashable, Sendable {
        case nothing, unvouched
        case waiting(for: [Int64])
        /// Those that may win.
        case among([Int64])
    }

    var testDescription: String
    var heard: [Heard]
    var outcome: Outcome

    init(_ description: String, _ heard: [Heard], _ outcome: Outcome) {
        self.testDescription = description
        self.heard = heard
        self.outcome = outcome
    }
}

@Suite("what brokers remember of a forgotten group")
struct RecollectionTests {
    static let table: [RecollectionCase] = [
        .init("nobody", [], .nothing),
        .init("brokers that were never in a group", [.init(id: 1, logEpoch: 1)], .nothing),
        .init("a group's log and no memory", [.init(id: 1, logEpoch: 2)], .unvouched),
        .init(
            "one of three", [.init(id: 1, memory: (3, 7, [1, 2, 3]))], .waiting(for: [2, 3])),
        .init(
            "all three",
            [
                .init(id: 1, memory: (3, 7, [1, 2, 3])), .init(id: 2, memory: (3, 7, [1, 2, 3])),
                .init(id: 3, memory: (3, 7, [1, 2, 3])),
            ], .among([1, 2, 3])),
        .init(
            "a newer set counts, also when it is smaller",
            [
                .init(id: 1, memory: (3, 7, [1, 2, 3])), .init(id: 2, memory: (3, 8, [2])),
            ], .among([2])),
        .init(
            "the master's epoch counts before the set's",
            [
                .init(id: 1, memory: (4, 1, [1, 3])), .init(id: 2, memory: (3, 900, [2])),
            ], .waiting(for: [3])),
        .init(
            "whom a master wanted to add counts as well",
            [
                .init(id: 1, memory: (3, 7, [1, 2])), .init(id: 2, memory: (3, 7, [1, 2, 3])),
            ], .waiting(for: [3])),
        .init(
            "the memory of one that has died since counts",
            [
                .init(id: 1, memory: (3, 7, [1, 2])), .init(id: 2, memory: (3, 7, [1, 2])),
                .init(id: 3, memory: (3, 8, [1, 3]), isAlive: false),
            ], .waiting(for: [3])),
        .init(
            "one that was given the id of another remembers nothing",
            [.init(id: 1, logEpoch: 0), .init(id: 2, memory: (3, 7, [1, 2]))],
            .waiting(for: [1])),
        .init(
            "who lost a part of its log cannot win",
            [
                .init(id: 1, memory: (3, 7, [1, 2]), end: 50),
                .init(id: 2, memory: (3, 7, [1, 2]), end: 90, confirmed: 80),
            ], .among([2])),
        .init(
            "absurd epochs are not believed",
            [
                .init(id: 1, memory: (3, 7, [1])), .init(id: 2, memory: (1 << 31 - 1, 7, [2, 9])),
            ], .among([1])),
    ]

    @Test("the table", arguments: table)
    func recollect(line: RecollectionCase) throws {
        #expect(try Self.recollection(line.heard).outcome == line.outcome)
    }

    private static func recollection(_ all: [RecollectionCase.Heard]) throws -> Recollection {
        var state = ControllerState()
        for id in 1...4 as ClosedRange<Int64> { state.accept(claim(id), registration(id)) }
        let group = try #require(state.g)
        var liveness = BrokerLiveness(at: .zero)
        for heard in all {
            liveness.heard(
                BrokerKey(group: "g", brokerID: heard.id), heard.report, of: group,
                over: UInt64(heard.id), timeoutMilliseconds: nil, at: .zero)
            if !heard.isAlive { _ = liveness.closed(UInt64(heard.id)) }
        }
        return liveness.recollection(of: "g", group)
    }

    @Test(
        "who holds everything that was acknowledged is what two remember",
        arguments: [
            ([[1, 2, 3], [1, 2, 3], [1, 2, 3]], [1, 2, 3]),
            // Broker 1 was master, and wanted to add broker 3.
            ([[1, 2, 3], [1, 2], [1, 2]], [1, 2]),
            ([[1, 2, 3]], []),
        ] as [([[Int64]], [Int64])])
    func keeping(sets: [[Int64]], kept: [Int64]) throws {
        var heard: [RecollectionCase.Heard] = []
        for id in 1...3 as ClosedRange<Int64> {
            let members = sets.count >= id ? sets[Int(id) - 1] : nil
            heard.append(.init(id: id, memory: (3, members == nil ? 6 : 7, members ?? [1, 2, 3])))
        }
        guard case .complete(let cause, _) = try Self.recollection(heard) else {
            Issue.record("everybody is there")
            return
        }
        guard case .recovered(_, let keeping, _) = cause else {
            Issue.record("\(cause)")
            return
        }
        #expect(keeping == kept)
    }

    @Test("who knows that it has lost a part does not stay beside the winner")
    func lostPart() throws {
        let heard: [RecollectionCase.Heard] = [
            .init(id: 1, memory: (3, 7, [1, 2]), end: 50, confirmed: 80),
            .init(id: 2, memory: (3, 7, [1, 2]), end: 90, confirmed: 60),
        ]
        guard case .complete(.recovered(_, let keeping, _), _) = try Self.recollection(heard) else {
            Issue.record("everybody is there")
            return
        }
        #expect(keeping == [2])
    }

    @Test("no epoch that anybody has seen is given out again")
    func epochs() throws {
        var state = ControllerState()
        state.accept(claim(1), registration(1))
        let group = try #require(state.g)
        var liveness = BrokerLiveness(at: .zero)
        let heard = RecollectionCase.Heard(id: 1, memory: (9, 7, [1]), logEpoch: 8)
        liveness.heard(
            BrokerKey(group: "g", brokerID: 1), heard.report, of: group, over: 1,
            timeoutMilliseconds: nil, at: .zero)
        let floor = Epoch(9 + ControllerLimits.recoveryEpochGap)
        #expect(liveness.recovery(of: "g", group) == .recovered(above: floor))
    }
}

extension RecollectionCase.Heard {
    var report: BrokerReport {
        BrokerReport(
            incarnation: 1, masterEpoch: Epoch(0), lastEpoch: Epoch(self.logEpoch),
            maxOffset: PhysicalOffset(self.end), confirmOffset: PhysicalOffset(self.confirmed),
            priority: 1, role: .fenced,
            remembered: self.memory.map {
                RememberedSet(
                    masterEpoch: Epoch($0.0), syncStateSetEpoch: $0.1, members: $0.2)
            })
    }
}

extension Recollection {
    fileprivate var outcome: RecollectionCase.Outcome {
        switch self {
        case .nothing: .nothing
        case .unvouched: .unvouched
        case .waiting(let missing, _, _), .lost(let missing, _, _): .waiting(for: missing)
        case .complete(_, let candidates):
            .among(candidates.filter(\.isIntact).map(\.brokerID))
        }
    }
}
