import Foundation
import MessageFormat
import Testing

@testable import Storage

@Suite("Deleting old segments")
struct RetentionTests {
    private let log = TestLog(segmentBytes: 4096)

    @Test("the oldest segment goes with its index file; readers that have it open finish")
    func deletesTheOldest() throws {
        try self.withThreeSegments { store in
            try store.writeIndex(.zero, image: [1])
            let file = try store.openSegments.file(.zero)
            try store.deleteSegment(.zero)
            #expect(store.segmentBases.first == PhysicalOffset(4096))
            #expect(try file.readAll(bytesMax: 16).count == 16)
            #expect(throws: StorageError.noSuchSegment(base: .zero)) {
                try store.bytes(at: .zero, count: 1)
            }
            #expect(try store.openIndex(.zero) == nil)
            #expect(throws: StorageError.noSuchSegment(base: .zero)) {
                try store.deleteSegment(.zero)
            }
        }
        try self.log.withStore { #expect($0.segmentBases.first == PhysicalOffset(4096)) }
    }

    @Test("neither a middle segment nor the active one is ever deleted")
    func refusesOthers() throws {
        try self.withThreeSegments { store in
            let (middle, active) = (PhysicalOffset(4096), PhysicalOffset(8192))
            #expect(throws: StorageError.segmentInUse(base: middle)) {
                try store.deleteSegment(middle)
            }
            try store.deleteSegment(.zero)
            try store.deleteSegment(middle)
            #expect(throws: StorageError.segmentInUse(base: active)) {
                try store.deleteSegment(active)
            }
        }
    }

    @Test("an index file whose segment is gone is swept away at the next start")
    func sweepsOrphans() throws {
        try self.withThreeSegments { try $0.writeIndex(.zero, image: [1]) }
        try FileManager.default.removeItem(atPath: self.log.segmentPath())
        try self.log.withStore { store in
            let names = try FileManager.default.contentsOfDirectory(
                atPath: self.log.path + "/index")
            #expect(names == [])
        }
    }

    @Test("segments show their size and age, the disk its fill")
    func tellsSizes() throws {
        try self.withThreeSegments { store in
            let segments = try store.segments
            #expect(segments.count >= 3)
            #expect(segments[0].bytes == 4096)
            #expect(segments[0].modified.milliseconds > 1_500_000_000_000)
            #expect(!segments[0].hasIndex)
            // A sandbox's file system may not tell its size.
            guard let usage = try store.diskUsage() else { return }
            #expect(usage.usedRatio > 0 && usage.usedRatio < 1)
            #expect(usage.bytesFree > 0 && usage.bytesFree < usage.bytesTotal)
        }
    }

    private func withThreeSegments(_ body: (LogStore) throws -> Void) throws {
        let store = try self.log.open()
        defer { store.close() }
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        defer { writer.stop() }
        for base in [0, 4096, 8192] {
            try write(
                [100], from: PhysicalOffset(Int64(base)), with: writer, logID: store.logID)
        }
        try body(store)
    }
}
