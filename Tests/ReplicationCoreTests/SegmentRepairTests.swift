import MessageFormat
import Testing

@testable import ReplicationCore

/// Method: one segment of 4,096 bytes at 0, of which two ranges are damaged.
@Suite("Repairing a full segment")
struct SegmentRepairTests {
    private static let segmentBytes = 4_096
    private static let logID = UInt64(9)
    private var repair = SegmentRepair()

    private static func at(_ bytes: Int64) -> PhysicalOffset { PhysicalOffset(bytes) }
    private static func tick(_ seconds: Int) -> Tick { Tick(.seconds(seconds)) }

    private static func batch(
        at position: Int64, length: Int = 64, epoch: UInt32 = 2, logID: UInt64 = Self.logID
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: LogBatchHeader.padded(length))
        let header = LogBatchHeader(
            length: length, position: PhysicalOffset(position), epoch: Epoch(epoch), records: 0,
            storeTimestamp: Timestamp(milliseconds: 1), logID: logID)
        bytes.withUnsafeMutableBytes { header.seal($0) }
        return bytes
    }

    private static func piece(_ position: Int64, _ batches: [UInt8]...) -> SegmentRepair.Piece {
        let bytes = batches.flatMap { $0 }
        return .init(
            position: PhysicalOffset(position),
            next: PhysicalOffset(position).advanced(by: bytes.count), bytes: bytes)
    }

    /// One range is damaged, 64 to 192, and asked for.
    private mutating func fetching(
        _ ranges: [Range<PhysicalOffset>] = [Self.at(64)..<Self.at(192)]
    ) -> SegmentRepair.Step? {
        self.repair.suspect(.zero)
        #expect(self.repair.nextToExamine(at: Self.tick(1)) == .zero)
        let isNews = self.repair.examined(.zero, ranges)
        #expect(isNews)
        return self.repair.begin(at: Self.tick(1)) { _ in true }
    }

    private mutating func fetched(_ piece: SegmentRepair.Piece) -> SegmentRepair.Step? {
        self.repair.fetched(
            piece, from: 1, logID: Self.logID, segmentBytes: Self.segmentBytes, at: Self.tick(2)
        ) { $0 < Self.at(128) ? Epoch(2) : Epoch(3) }
    }

    @Test("each range is fetched piece by piece, written, and all of it put in place at the end")
    mutating func wholeStory() {
        let ranges = [Self.at(64)..<Self.at(192), Self.at(256)..<Self.at(320)]
        #expect(self.fetching(ranges) == .fetch(ranges[0]))
        let first = Self.batch(at: 64)
        #expect(
            self.fetched(Self.piece(64, first))
                == .write(first, at: Self.at(64), base: .zero, isFirst: true))
        #expect(
            self.repair.written(true, at: Self.tick(2)) == .fetch(Self.at(128)..<Self.at(192)))
        let second = Self.batch(at: 128, epoch: 3)
        #expect(
            self.fetched(Self.piece(128, second))
                == .write(second, at: Self.at(128), base: .zero, isFirst: false))
        #expect(self.repair.written(true, at: Self.tick(2)) == .fetch(ranges[1]))
        _ = self.fetched(Self.piece(256, Self.batch(at: 256, epoch: 3)))
        #expect(
            self.repair.written(true, at: Self.tick(2))
                == .finish(base: .zero, mended: ranges, isFirst: false))
        #expect(self.repair.damaged == [.zero], "not before it is in place")
        let isSound = self.repair.finished(.zero, true, at: Self.tick(3))
        #expect(isSound)
        #expect(self.repair.damaged.isEmpty)
    }

    @Test(
        "nothing that fails its check is written: rot, another place, log or epoch, too much, too little",
        arguments: 0..<6)
    mutating func foreignBytes(number: Int) {
        _ = self.fetching()
        var rotten = Self.batch(at: 64)
        rotten[60] ^= 1
        let pieces: [SegmentRepair.Piece] = [
            Self.piece(64, rotten), Self.piece(64, Self.batch(at: 80)),
            Self.piece(64, Self.batch(at: 64, logID: 8)),
            Self.piece(64, Self.batch(at: 64, epoch: 3)),
            Self.piece(64, Self.batch(at: 64, length: 256)),
            Self.piece(64, Array(Self.batch(at: 64)[..<50])),
        ]
        #expect(self.fetched(pieces[number]) == nil)
        #expect(self.repair.written(true, at: Self.tick(2)) == nil)
        #expect(self.repair.damaged == [.zero], "it is tried again")
        #expect(self.repair.begin(at: Self.tick(30)) { _ in true } == nil)
        #expect(self.repair.begin(at: Self.tick(70)) { _ in true } != nil)
    }

    @Test("a master gives way only to somebody who has not said that it cannot read it either")
    mutating func refused() {
        _ = self.fetching()
        #expect(self.repair.worthLeaving(to: [1]) == .zero)
        #expect(self.fetched(.init(position: Self.at(64), next: Self.at(64), bytes: [])) == nil)
        #expect(self.repair.worthLeaving(to: [1]) == nil)
        #expect(self.repair.worthLeaving(to: [1, 3]) == .zero)
        #expect(self.repair.worthLeaving(to: []) == nil)
    }

    @Test("a segment that reads well after all is not touched, and one that cannot be yet waits")
    mutating func sound() {
        self.repair.suspect(.zero)
        #expect(self.repair.nextToExamine(at: Self.tick(1)) == .zero)
        #expect(self.repair.nextToExamine(at: Self.tick(1)) == nil, "one at a time")
        let isNews = self.repair.examined(.zero, [])
        #expect(!isNews)
        #expect(self.repair.damaged.isEmpty)
        _ = self.fetching()
        var other = SegmentRepair()
        other.suspect(.zero)
        _ = other.nextToExamine(at: Self.tick(1))
        other.examined(.zero, [Self.at(64)..<Self.at(192)])
        #expect(other.begin(at: Self.tick(1)) { _ in false } == nil, "it is not confirmed yet")
    }

    @Test(
        "what was broken off is begun anew: a lost link, a full disk, a master that does not answer"
    )
    mutating func brokenOff() {
        let range = Self.at(64)..<Self.at(192)
        _ = self.fetching()
        self.repair.disconnected(at: Self.tick(2))
        #expect(self.repair.begin(at: Self.tick(8)) { _ in true } == .fetch(range))
        _ = self.fetched(Self.piece(64, Self.batch(at: 64)))
        #expect(self.repair.written(false, at: Self.tick(9)) == nil)
        #expect(self.repair.begin(at: Self.tick(15)) { _ in true } == .fetch(range))
        #expect(self.repair.begin(at: Self.tick(26)) { _ in true } == nil, "given up")
        #expect(self.repair.begin(at: Self.tick(32)) { _ in true } == .fetch(range))
        guard case .write(_, _, _, let isFirst) = self.fetched(Self.piece(64, Self.batch(at: 64)))
        else {
            Issue.record("nothing is written")
            return
        }
        #expect(isFirst, "the copy of before means nothing")
    }

    @Test("the unused end of a segment needs nothing written")
    mutating func unusedEnd() {
        let range = Self.at(64)..<Self.at(4_096)
        #expect(self.fetching([range]) == .fetch(range))
        let step = self.fetched(.init(position: Self.at(64), next: Self.at(4_096), bytes: []))
        #expect(step == .finish(base: .zero, mended: [range], isFirst: true))
    }

    @Test("another engine goes on with what is known of full segments, and reads the rest anew")
    mutating func nextEngine() {
        _ = self.fetching()
        self.repair.suspect(Self.at(4_096))
        self.repair.recovered(active: Self.at(4_096))
        #expect(self.repair.damaged == [.zero])
        #expect(self.repair.nextToExamine(at: Self.tick(2)) == nil)
        #expect(self.repair.begin(at: Self.tick(2)) { _ in true } != nil)
        self.repair.deleted(.zero)
        #expect(self.repair.damaged.isEmpty)
    }
}
