import Foundation
import MessageFormat
import Testing

@testable import Storage

/// Method: a full segment of 8 KiB loses its third batch; the copy gets it from the bytes of before.
@Suite("Mending a full segment")
struct MendingTests {
    private let whole: WholeStore
    private let good: [UInt8]
    private let damaged: Range<PhysicalOffset>

    init() throws {
        self.whole = try WholeStore()
        self.good = try self.whole.log.segmentBytes()
        let starts = self.whole.batches[0] ?? []
        self.damaged = PhysicalOffset(Int64(starts[2]))..<PhysicalOffset(Int64(starts[3]))
        try self.whole.change(WholeStore.segment(0)) { $0[starts[2] + 70] ^= 1 }
    }

    private var missing: [UInt8] {
        Array(self.good[Int(self.damaged.lowerBound.bytes)..<Int(self.damaged.upperBound.bytes)])
    }

    private func withStore(_ body: (LogStore) throws -> Void) throws {
        try self.whole.log.withStore { store in
            try store.truncate(to: self.whole.end)
            try body(store)
        }
    }

    private var names: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: self.whole.log.path + "/commitlog")
        }
    }

    @Test("the copy takes the segment's place, byte for byte, for readers that have it open, too")
    func mended() throws {
        try self.withStore { store in
            #expect(throws: StorageError.self) {
                try store.readStretch(
                    from: self.damaged.lowerBound, end: self.damaged.upperBound, bytesMax: 1)
            }
            try store.writeCopy(
                self.missing, at: self.damaged.lowerBound, of: .zero, isFirst: true)
            try store.finishCopy(of: .zero, mended: [self.damaged], end: nil, isFirst: false)
            let read = try store.readStretch(
                from: self.damaged.lowerBound, end: self.damaged.upperBound, bytesMax: 1)
            #expect(read.bytes == self.missing)
        }
        let mended = try self.whole.log.segmentBytes()
        #expect(mended == Array(self.good[..<mended.count]))
        #expect(self.good[mended.count...].allSatisfy { $0 == 0 })
        #expect(try self.whole.check().isSound)
    }

    @Test("bytes that do not make the segment whole never take its place")
    func notWhole() throws {
        let before = try self.whole.log.segmentBytes()
        try self.withStore { store in
            var wrong = self.missing
            wrong[60] ^= 1
            try store.writeCopy(wrong, at: self.damaged.lowerBound, of: .zero, isFirst: true)
            #expect(throws: StorageError.self) {
                try store.finishCopy(of: .zero, mended: [self.damaged], end: nil, isFirst: false)
            }
            // Nothing was fetched: what is here alone does not do.
            #expect(throws: StorageError.self) {
                try store.finishCopy(of: .zero, mended: [], end: nil, isFirst: true)
            }
        }
        #expect(try self.whole.log.segmentBytes() == before)
    }

    @Test("a crash before the end leaves the segment as it was, and the next start sweeps the copy")
    func crash() throws {
        let before = try self.whole.log.segmentBytes()
        try self.withStore { store in
            try store.writeCopy(
                self.missing, at: self.damaged.lowerBound, of: .zero, isFirst: true)
        }
        #expect(try self.names.contains { $0.hasSuffix(".tmp") })
        #expect(try self.whole.log.segmentBytes() == before)
        try self.withStore { _ in }
        #expect(try !self.names.contains { $0.hasSuffix(".tmp") })
    }

    @Test("a segment that is gone, or is being written, is not mended; nor beyond a segment's end")
    func refused() throws {
        try self.withStore { store in
            let active = PhysicalOffset(Int64(2 * WholeStore.segmentBytes))
            #expect(throws: StorageError.segmentInUse(base: active)) {
                try store.finishCopy(of: active, mended: [], end: nil, isFirst: true)
            }
            try store.deleteSegment(.zero)
            #expect(throws: StorageError.noSuchSegment(base: .zero)) {
                try store.finishCopy(of: .zero, mended: [], end: nil, isFirst: true)
            }
            #expect(throws: StorageError.self) {
                try store.writeCopy(
                    self.missing, at: PhysicalOffset(8_190), of: .zero, isFirst: true)
            }
        }
    }

    @Test("a segment whose file has lost all its bytes is made of what others have")
    func emptied() throws {
        try self.whole.change(WholeStore.segment(0)) { $0.removeAll() }
        try self.withStore { store in
            let all = PhysicalOffset.zero..<PhysicalOffset(8_192)
            for start in stride(from: 0, to: 8_192, by: 1_024) {
                try store.writeCopy(
                    Array(self.good[start..<(start + 1_024)]), at: PhysicalOffset(Int64(start)),
                    of: .zero, isFirst: start == 0)
            }
            try store.finishCopy(of: .zero, mended: [all], end: nil, isFirst: false)
        }
        #expect(try self.whole.check().isSound)
    }
}
