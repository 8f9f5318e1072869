import MessageFormat
import ReplicationCore
import Testing

@Suite("Replicas converge by epoch, then offset")
struct EpochHistoryTests {
    private static func history(_ starts: [(UInt32, Int64)]) -> EpochHistory {
        EpochHistory(
            checking: starts.map { EpochStart(epoch: Epoch($0.0), start: PhysicalOffset($0.1)) })
            ?? EpochHistory()
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var own: [(UInt32, Int64)]
        var ownEnd: Int64
        var other: [(UInt32, Int64)]
        var otherEnd: Int64
        var shared: Int64?
    }

    @Test(
        "what two logs share ends where their newest common epoch ends first",
        arguments: [
            Case(
                testDescription: "the replica is behind in the same epoch", own: [(1, 0)],
                ownEnd: 100, other: [(1, 0)], otherEnd: 300, shared: 100),
            Case(
                testDescription: "the replica has more of the last epoch than the new master",
                own: [(1, 0)], ownEnd: 300, other: [(1, 0), (2, 200)], otherEnd: 250, shared: 200),
            Case(
                testDescription: "the old master wrote an epoch that nobody else has",
                own: [(1, 0), (2, 100)], ownEnd: 300, other: [(1, 0), (3, 80)], otherEnd: 500,
                shared: 80),
            Case(
                testDescription: "the same offsets in different epochs are not the same bytes",
                own: [(2, 0)], ownEnd: 300, other: [(3, 0)], otherEnd: 300, shared: nil),
            Case(
                testDescription: "an epoch that began elsewhere is not the same epoch",
                own: [(1, 0), (2, 100)], ownEnd: 300, other: [(1, 0), (2, 120)], otherEnd: 300,
                shared: 100),
            Case(
                testDescription: "an empty log shares nothing", own: [], ownEnd: 0,
                other: [(1, 0)], otherEnd: 300, shared: nil),
        ])
    func sharedEnd(_ given: Case) {
        let shared = Self.history(given.own).sharedEnd(
            end: PhysicalOffset(given.ownEnd), with: Self.history(given.other),
            otherEnd: PhysicalOffset(given.otherEnd))
        #expect(shared == given.shared.map { PhysicalOffset($0) })
        let mirrored = Self.history(given.other).sharedEnd(
            end: PhysicalOffset(given.otherEnd), with: Self.history(given.own),
            otherEnd: PhysicalOffset(given.ownEnd))
        #expect(mirrored == shared, "both sides find the same place")
    }

    @Test("a history that does not rise is refused")
    func checking() {
        let falls = [
            EpochStart(epoch: Epoch(2), start: .zero),
            EpochStart(epoch: Epoch(1), start: PhysicalOffset(10)),
        ]
        #expect(EpochHistory(checking: falls) == nil)
        let stands = [
            EpochStart(epoch: Epoch(1), start: .zero), EpochStart(epoch: Epoch(2), start: .zero),
        ]
        #expect(EpochHistory(checking: stands) == nil)
        #expect(
            EpochHistory(checking: [EpochStart(epoch: Epoch(1), start: PhysicalOffset(-16))]) == nil
        )
    }

    @Test("a segment's snapshot tells where the epoch of its own batch really began")
    func merge() {
        var history = EpochHistory()
        history.note(Epoch(3), at: PhysicalOffset(1_000))
        history.merge(Self.history([(1, 0), (2, 400), (3, 600)]))
        #expect(history == Self.history([(1, 0), (2, 400), (3, 600)]))
        history.note(Epoch(3), at: PhysicalOffset(2_000))
        history.note(Epoch(5), at: PhysicalOffset(3_000))
        #expect(history.latest == Epoch(5))
        #expect(history.starts.count == 4)
    }
}
